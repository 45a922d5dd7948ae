// A doubly linked list whose nodes live in the objects themselves and unlink themselves.
//
// No allocation, constant-time removal, and an object that dies while linked simply leaves the
// list: that is what makes "wait in a queue, but the waiter may go away" safe without bookkeeping.
#pragma once

#include "base/assert.h"

namespace sluice {

class ListNode {
public:
    ListNode() = default;
    ~ListNode() { unlink(); }
    ListNode(const ListNode&) = delete;
    ListNode& operator=(const ListNode&) = delete;

    bool is_linked() const { return next_ != nullptr; }

    void unlink() {
        if (next_ != nullptr) {
            next_->previous_ = previous_;
            previous_->next_ = next_;
            next_ = previous_ = nullptr;
        }
    }

private:
    template <class T>
    friend class IntrusiveList;

    void link_before(ListNode& position) {
        SLUICE_ASSERT(!is_linked());
        previous_ = position.previous_;
        next_ = &position;
        previous_->next_ = this;
        position.previous_ = this;
    }

    ListNode* next_ = nullptr;
    ListNode* previous_ = nullptr;
};

// T derives from ListNode. The list owns nothing; it must be empty when it is destroyed.
template <class T>
class IntrusiveList {
public:
    IntrusiveList() { head_.next_ = head_.previous_ = &head_; }
    ~IntrusiveList() {
        SLUICE_ASSERT(empty());
        head_.next_ = head_.previous_ = nullptr;
    }
    IntrusiveList(const IntrusiveList&) = delete;
    IntrusiveList& operator=(const IntrusiveList&) = delete;

    bool empty() const { return head_.next_ == &head_; }
    void push_back(T& item) { node(item).link_before(head_); }
    void push_front(T& item) { node(item).link_before(*head_.next_); }

    // Null when empty.
    T* front() { return empty() ? nullptr : static_cast<T*>(head_.next_); }
    T* back() { return empty() ? nullptr : static_cast<T*>(head_.previous_); }

    // Unlinks and returns the first item; null when empty.
    T* pop_front() {
        T* item = front();
        if (item != nullptr) {
            node(*item).unlink();
        }
        return item;
    }

    // The item after `item`, or null at the end. The caller may unlink `item` afterwards.
    T* next(T& item) {
        ListNode* following = node(item).next_;
        return following == &head_ ? nullptr : static_cast<T*>(following);
    }

    // Moves every item to the end of `other` and leaves this list empty.
    void move_all_to(IntrusiveList& other) {
        if (empty()) {
            return;
        }
        ListNode* first = head_.next_;
        ListNode* last = head_.previous_;
        head_.next_ = head_.previous_ = &head_;
        first->previous_ = other.head_.previous_;
        other.head_.previous_->next_ = first;
        last->next_ = &other.head_;
        other.head_.previous_ = last;
    }

private:
    static ListNode& node(T& item) { return item; }
    ListNode head_;
};

}  // namespace sluice
