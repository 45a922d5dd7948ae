// Questions, answered by events of the world.
#include "sim/simulated_names.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "base/time.h"
#include "net/resolver.h"

namespace sluice::sim {

const NameTable::Name* NameTable::find(std::string_view name) const {
    const auto found =
        std::ranges::find_if(names, [&](const Name& each) { return each.name == name; });
    return found == names.end() ? nullptr : &*found;
}

void SimulatedNames::ask(net::ResolverClient& client, std::string_view name) {
    questions_.push_back(std::make_shared<Question>(&client, std::string(name)));
    world_.after(world_.drawn_up_to(table_.delay_max), [this, question = questions_.back()] {
        if (!question->answered) {
            answer(*question);
        }
    });
}

void SimulatedNames::hurry(net::ResolverClient& /*client*/) {
    for (const auto& question : questions_) {
        world_.after(Duration(), [this, question] {
            if (!question->answered) {
                answer(*question);
            }
        });
    }
}

void SimulatedNames::answer(Question& question) {
    using Outcome = net::NameAnswer::Outcome;
    question.answered = true;
    std::erase_if(questions_, [&](const auto& each) { return each.get() == &question; });
    net::NameAnswer answer{.outcome = Outcome::failed};
    if (!world_.prng().chance(table_.fails)) {
        const NameTable::Name* known = table_.find(question.name);
        answer.outcome = known == nullptr ? Outcome::no_such_name : Outcome::found;
        answer.ttl_s = world_.prng().below(3);
        if (known != nullptr) {
            answer.addresses = known->addresses;
        }
    }
    question.client->on_answer(question.name, std::move(answer));
    world_.wake_shard(shard_.proactor());
}

}  // namespace sluice::sim
