extension RemoteScript {
    /// Variables that some `sh` uses itself, or makes read-only.
    static let shellVariables: Set<String> = [
        "BASHOPTS", "BASH_VERSINFO", "EUID", "IFS", "LINENO", "OPTIND", "PATH", "PPID", "PS4", "SHELLOPTS", "UID",
    ]

    /// Commands that are builtins of some `sh`, where they may change the shell.
    static let builtins: Set<String> = [
        ".", ":", "[", "[[", "alias", "array", "autoload", "bg", "bind", "bindkey", "break", "builtin", "bye",
        "caller", "cd", "chdir", "command", "compgen", "complete", "compopt", "compound", "continue", "coproc",
        "declare", "dirs", "disable", "disown", "echo", "echotc", "echoti", "emulate", "enable", "enum", "eval",
        "exec", "exit", "export", "false", "fc", "fg", "float", "function", "functions", "getln", "getopts", "global",
        "hash", "help", "hist", "history", "integer", "jobs", "kill", "let", "limit", "local", "log", "logout",
        "mapfile", "nameref", "namespace", "newgrp", "noglob", "nohup", "popd", "print", "printf", "private", "pushd",
        "pushln", "pwd", "r", "read", "readarray", "readonly", "rehash", "rename", "return", "sched", "select", "set",
        "setopt", "shift", "shopt", "source", "stop", "suspend", "test", "time", "times", "trap", "true", "ttyctl",
        "type", "typeset", "ulimit", "umask", "unalias", "unfunction", "unhash", "unlimit", "unset", "unsetenv",
        "unsetopt", "vared", "wait", "whence", "where", "which", "zle", "zmodload",
    ]
}
