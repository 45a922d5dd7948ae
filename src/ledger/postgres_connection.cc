// The asynchronous half of libpq, driven by poll.
#include "ledger/postgres_connection.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libpq-fe.h>
#include <poll.h>

#include "base/secret.h"

namespace sluice::ledger {

namespace {

// How soon somebody who cancels is seen.
constexpr int64_t kCancelLookMs = 50;
// A server that cannot be reached in this time is tried again later.
constexpr int64_t kConnectTimeoutMs = 5'000;
constexpr int64_t kNsPerMs = 1'000'000;

int64_t now_ns() {
    // tidy:allow(clock) waits of the writer's thread, which has no ring, end by it
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

// libpq's messages are several lines.
std::string one_line(std::string_view text) {
    std::string line;
    for (const char c : text) {
        if (c != '\n') {
            line += c == '\t' ? ' ' : c;
        } else if (!line.empty() && line.back() != ' ') {
            line += ' ';
        }
    }
    while (line.ends_with(' ')) {
        line.pop_back();
    }
    return line;
}

struct FreeOptions {
    void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

}  // namespace

void PostgresResult::Clear::operator()(pg_result* result) const {
    PQclear(result);
}

int PostgresResult::rows() const {
    return PQntuples(result_.get());
}

int PostgresResult::columns() const {
    return PQnfields(result_.get());
}

std::string_view PostgresResult::text(int row, int column) const {
    return {PQgetvalue(result_.get(), row, column),
            static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}

uint32_t PostgresResult::affected() const {
    const std::string_view text = PQcmdTuples(result_.get());
    uint32_t rows = 0;
    std::from_chars(text.data(), text.data() + text.size(), rows);
    return rows;
}

void PostgresConnection::Finish::operator()(pg_conn* connection) const {
    PQfinish(connection);
}

std::expected<PostgresConnection, std::string> PostgresConnection::make(const std::string& url,
                                                                        const Secret& password) {
    char* message = nullptr;
    const std::unique_ptr<PQconninfoOption, FreeOptions> parsed(
        PQconninfoParse(url.c_str(), &message));
    if (parsed == nullptr) {
        std::string reason = message == nullptr ? "cannot be read" : one_line(message);
        PQfreemem(message);
        return std::unexpected(std::move(reason));
    }
    PostgresConnection connection;
    connection.password_ = password;
    const auto set = [&connection](std::string_view keyword, std::string_view value) {
        connection.keywords_.emplace_back(keyword);
        connection.values_.emplace_back(value);
    };
    set("application_name", "sluice");
    set("keepalives_idle", "30");
    set("tcp_user_timeout", "10000");
    for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
        if (option->val == nullptr) {
            continue;
        }
        if (std::string_view(option->keyword) == "password") {
            return std::unexpected("carries a password, and passwords do not stand in a URL");
        }
        set(option->keyword, option->val);
    }
    set("client_encoding", "UTF8");
    return connection;
}

PostgresError PostgresConnection::lost(std::string_view reason) {
    PostgresError error = {.text = one_line(reason), .state = {}};
    close();
    return error;
}

// False when the time is over, or nobody wants to know any more.
bool PostgresConnection::wait(short events, int64_t end_ns) {
    pollfd watched = {.fd = PQsocket(connection_.get()), .events = events, .revents = 0};
    while (true) {
        int64_t left_ms = (end_ns - now_ns()) / kNsPerMs;
        if (left_ms <= 0 || (is_cancelled_ != nullptr && is_cancelled_->load())) {
            return false;
        }
        left_ms = is_cancelled_ == nullptr ? left_ms : std::min(left_ms, kCancelLookMs);
        if (::poll(&watched, 1, static_cast<int>(left_ms)) > 0) {
            return true;
        }
    }
}

std::expected<void, PostgresError> PostgresConnection::connect() {
    std::vector<const char*> keywords;
    std::vector<const char*> values;
    const auto set = [&](const char* keyword, const char* value) {
        keywords.push_back(keyword);
        values.push_back(value);
    };
    for (size_t i = 0; i < keywords_.size(); ++i) {
        set(keywords_[i].c_str(), values_[i].c_str());
    }
    const std::string password(password_.reveal());
    if (!password.empty()) {
        set("password", password.c_str());
    }
    set(nullptr, nullptr);
    connection_.reset(PQconnectStartParams(keywords.data(), values.data(), 0));
    if (connection_ == nullptr) {
        return std::unexpected(PostgresError{.text = "out of memory", .state = {}});
    }
    const int64_t end_ns = now_ns() + kConnectTimeoutMs * kNsPerMs;
    PostgresPollingStatusType step = PGRES_POLLING_WRITING;
    while (step != PGRES_POLLING_OK) {
        if (PQstatus(connection_.get()) == CONNECTION_BAD || step == PGRES_POLLING_FAILED) {
            return std::unexpected(lost(PQerrorMessage(connection_.get())));
        }
        if (!wait(step == PGRES_POLLING_READING ? POLLIN : POLLOUT, end_ns)) {
            return std::unexpected(lost("the server did not answer in time"));
        }
        step = PQconnectPoll(connection_.get());
    }
    PQsetnonblocking(connection_.get(), 1);
    PQsetErrorVerbosity(connection_.get(), PQERRORS_TERSE);  // Details would show values.
    // What a server says on its own account is not for our terminal.
    PQsetNoticeProcessor(connection_.get(), [](void*, const char*) {}, nullptr);
    return {};
}

// The last result of what was sent.
std::expected<PostgresResult, PostgresError> PostgresConnection::receive(int64_t end_ns) {
    while (PQflush(connection_.get()) == 1) {
        if (!wait(POLLIN | POLLOUT, end_ns)) {
            return std::unexpected(lost("the server did not take a command in time"));
        }
        if (PQconsumeInput(connection_.get()) == 0) {
            return std::unexpected(lost(PQerrorMessage(connection_.get())));
        }
    }
    PostgresResult latest(nullptr);
    while (true) {
        while (PQisBusy(connection_.get()) != 0) {
            if (!wait(POLLIN, end_ns)) {
                return std::unexpected(lost("the server did not answer in time"));
            }
            if (PQconsumeInput(connection_.get()) == 0) {
                return std::unexpected(lost(PQerrorMessage(connection_.get())));
            }
        }
        PostgresResult next(PQgetResult(connection_.get()));
        if (next.get() == nullptr) {
            break;
        }
        const ExecStatusType status = PQresultStatus(latest.get());
        if (latest.get() == nullptr || status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
            latest = std::move(next);  // The first failure is the one that counts.
        }
    }
    const ExecStatusType status = PQresultStatus(latest.get());
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
        return latest;
    }
    const char* const state =
        latest.get() == nullptr ? nullptr : PQresultErrorField(latest.get(), PG_DIAG_SQLSTATE);
    PostgresError error = {
        .text = one_line(latest.get() == nullptr ? PQerrorMessage(connection_.get())
                                                 : PQresultErrorMessage(latest.get())),
        .state = state == nullptr ? "" : state};
    if (PQstatus(connection_.get()) == CONNECTION_BAD || error.state.empty()) {
        close();
    }
    return std::unexpected(std::move(error));
}

std::expected<PostgresResult, PostgresError> PostgresConnection::run(const char* sql) {
    if (PQsendQuery(connection_.get(), sql) == 0) {
        return std::unexpected(lost(PQerrorMessage(connection_.get())));
    }
    return receive(now_ns() + timeout_ms_ * kNsPerMs);
}

std::expected<PostgresResult, PostgresError> PostgresConnection::run(
    const char* sql, std::span<const std::string> parameters) {
    std::vector<const char*> values(parameters.size());
    std::ranges::transform(parameters, values.begin(),
                           [](const std::string& value) { return value.c_str(); });
    if (PQsendQueryParams(connection_.get(), sql, static_cast<int>(values.size()), nullptr,
                          values.data(), nullptr, nullptr, 0) == 0) {
        return std::unexpected(lost(PQerrorMessage(connection_.get())));
    }
    return receive(now_ns() + timeout_ms_ * kNsPerMs);
}

}  // namespace sluice::ledger
