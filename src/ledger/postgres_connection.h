// PostgresConnection: libpq without its blocking calls, so that every wait has an end.
//
// libpq brings OpenSSL into the process; ours is BoringSSL, linked statically with hidden symbols,
// and the two do not see each other. Used by one thread at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

extern "C" {
struct pg_conn;
struct pg_result;
}

namespace sluice::ledger {

class PostgresResult {
public:
    explicit PostgresResult(pg_result* result) : result_(result) {}
    int rows() const;
    int columns() const;
    std::string_view text(int row, int column) const;
    // Of a command: how many rows it touched.
    uint32_t affected() const;
    pg_result* get() const { return result_.get(); }

private:
    struct Clear {
        void operator()(pg_result* result) const;
    };
    std::unique_ptr<pg_result, Clear> result_;
};

struct PostgresError {
    std::string text;   // One line.
    std::string state;  // SQLSTATE of the server's answer; empty when there was none.
};

class PostgresConnection {
public:
    // Checks the URL without calling anybody. The error is one line.
    static std::expected<PostgresConnection, std::string> make(const std::string& url,
                                                               const Secret& password);

    // Of each command from now on; `is_cancelled`, where there is one, ends it early
    // and outlives the connection.
    void set_patience(uint32_t timeout_ms, const std::atomic<bool>* is_cancelled) {
        timeout_ms_ = timeout_ms;
        is_cancelled_ = is_cancelled;
    }

    bool is_open() const { return connection_ != nullptr; }
    std::expected<void, PostgresError> connect();
    void close() { connection_.reset(); }

    // Several commands in one text, without parameters; all or none of them.
    std::expected<PostgresResult, PostgresError> run(const char* sql);
    // One command, with parameters in text form. After an error of the connection it is closed.
    std::expected<PostgresResult, PostgresError> run(const char* sql,
                                                     std::span<const std::string> parameters);

private:
    struct Finish {
        void operator()(pg_conn* connection) const;
    };
    PostgresConnection() = default;

    bool wait(short events, int64_t end_ns);
    PostgresError lost(std::string_view reason);
    std::expected<PostgresResult, PostgresError> receive(int64_t end_ns);

    std::vector<std::string> keywords_;
    std::vector<std::string> values_;
    Secret password_;
    // A server that takes longer for what the writer asks is tried again later.
    int64_t timeout_ms_ = 5'000;
    const std::atomic<bool>* is_cancelled_ = nullptr;
    std::unique_ptr<pg_conn, Finish> connection_;
};

}  // namespace sluice::ledger
