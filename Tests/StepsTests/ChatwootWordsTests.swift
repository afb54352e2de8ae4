import Testing

@testable import Steps

/// Lines as Rails and PostgreSQL write them, each of which means one thing and not another.
@Suite struct ChatwootWordsTests {
    @Test(
        arguments: [
            (
                "PG::InsufficientPrivilege: ERROR:  permission denied to create extension \"pg_stat_statements\"",
                .extensionDenied
            ),
            ("Couldn't create 'chatwoot' database. Please check your configuration.", .loginRefused),
            ("FATAL:  password authentication failed for user \"chatwoot\"", .loginRefused),
            (
                "connection to server at \"10.0.0.10\", port 5432 failed: FATAL:  password authentication failed for user",
                .loginRefused
            ),
            (
                "ActiveRecord::StatementInvalid (PG::UndefinedTable: ERROR:  relation \"installation_configs\" does not exist",
                .tableMissing
            ),
            ("connection to server at \"10.0.0.10\", port 5432 failed: timeout expired", .databaseUnreachable),
            ("Redis::CannotConnectError: Connection refused - connect(2) for 10.0.0.10:6379", .redisUnreachable),
        ] as [(String, ChatwootWords)])
    func meansOneThing(_ line: String, _ meaning: ChatwootWords) {
        #expect(ChatwootWords(["=> Booting Puma", line, "rails aborted!"]) == meaning)
    }

    @Test func otherWordsMeanNothing() {
        #expect(ChatwootWords([String]()) == nil)
        #expect(ChatwootWords(["Standin::DeliberateFailure: no", "Completed 200 OK in 3ms"]) == nil)
    }
}
