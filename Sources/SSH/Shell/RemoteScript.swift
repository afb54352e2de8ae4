import ClientKit

/// The shell text that runs on the host: the loop of the remote shell, and the line that each command becomes.
///
/// The loop reads a line, byte by byte as `read` does on a pipe, and evaluates it; what the command may read on standard
/// input follows the line. The words of the loop and of ``preamble`` are understood by every POSIX `sh`.
enum RemoteScript {
    /// Why a command cannot be written down.
    enum Failure: Error, Hashable {
        case noProgram
        case nulByte
        case variableName(String)
    }

    /// What is executed on the channel: announces itself with `token`, then evaluates each line that begins with it.
    ///
    /// Any other line means that the stream is out of step, and bytes meant as input are never evaluated.
    static func loop(token: String) -> String {
        """
        exec sh -c 'printf "%s\\n" \(token);printf "%s\\n" \(token) >&2;\
        while IFS= read -r _kb_line;do \
        case $_kb_line in \(token)*) eval "${_kb_line#\(token)}";;*) exit 125;;esac;done'
        """
    }

    /// The first line: the functions that command lines use.
    ///
    /// Programs of administrators are found for every login, also where its PATH is without their folders.
    ///
    /// `_kb_change` holds the lock on descriptor 9, which the command inherits: the lock lasts as long as the command does,
    /// whatever becomes of this shell. The holders are told from waiting shells by the latters' `_kb_` text.
    static func preamble(token: String, lockFile: String) throws(Failure) -> [UInt8] {
        let text = #"""
            export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin";_kb_nl=$(printf '\nx');_kb_nl=${_kb_nl%x};
            _kb_end(){ printf '%s %s\n' "$_kb_nonce" "$_kb_status";printf '%s\n' "$_kb_nonce" >&2;};
            _kb_input(){ head -c "$1";IFS= read -r _kb_line;[ "$_kb_line" = "$2" ]||kill -KILL 0;};
            _kb_read(){ (_kb_body);_kb_status=$?;};
            _kb_change(){ _kb_status=nolock;{ flock -x -w "$_kb_wait" 9;case $? in
             0) (_kb_body);_kb_status=$?;;
             1) _kb_status=busy;_kb_holders;;
            esac;} 9>>"$_kb_lock";};
            _kb_holders(){ for _kb_file in /proc/[0-9]*/fd/9;do if [ "$_kb_file" -ef "$_kb_lock" ];then
             _kb_pid=${_kb_file%/fd/9};_kb_args=$({ tr '\000' ' ' <"$_kb_pid/cmdline";} 2>/dev/null);
             case $_kb_args in ''|'flock '*|'tr '*|*_kb_*);;*) printf '%s (process %s)\n' "$_kb_args" "${_kb_pid#/proc/}" >&2;;esac;
            fi;done;};
            _kb_lock=
            """#
        return Array(token.utf8) + text.utf8.filter { $0 != newline[0] } + (try word(lockFile)) + newline
    }

    /// The line that runs `command`.
    ///
    /// Its input must follow, and after that, if there is any, ``endOfInput(token:)``.
    ///
    /// A command never takes the loss of the link for the end of its input: whoever feeds it looks for the mark behind the
    /// input first, and without one ends the whole process group while the pipe is still open.
    static func line(
        for command: RemoteCommand, token: String, nonce: String, lockWait: Duration
    ) throws(Failure) -> [UInt8] {
        guard command.arguments.first?.isEmpty == false else { throw .noProgram }
        var line = [UInt8]("_kb_nonce=\(nonce);_kb_wait=\(max(1, lockWait.components.seconds));_kb_body(){ ".utf8)
        for (name, value) in command.environment.sorted(by: { $0.key < $1.key }) {
            guard isVariableName(name) else { throw .variableName(name) }
            line += Array("export \(name)=".utf8) + (try word(value)) + Array(";".utf8)
        }
        // `exec` takes programs only: a builtin such as `exit` or `cd` must not act on the shell that everyone shares.
        line += "exec".utf8
        for argument in command.arguments {
            line += Array(" ".utf8) + (try word(argument))
        }
        line += ";};".utf8
        let runner = command.effect == .change ? "_kb_change" : "_kb_read"
        if command.standardInput.isEmpty {
            line += "\(runner) </dev/null;_kb_end".utf8
        } else {
            // What the command leaves unread is read away, or it would be taken for the next line.
            line += "_kb_input \(command.standardInput.count) \(token)|{ \(runner);cat >/dev/null;_kb_end;}".utf8
        }
        return Array(token.utf8) + line + newline
    }

    /// What follows the input of a command.
    static func endOfInput(token: String) -> [UInt8] {
        Array(token.utf8) + newline
    }

    private static let newline = [UInt8(ascii: "\n")]

    private static func word(_ text: String) throws(Failure) -> [UInt8] {
        guard let word = ShellQuoting.quote(text.utf8) else { throw .nulByte }
        return word
    }

    private static func isVariableName(_ name: String) -> Bool {
        let first = CharacterSets.letters
        return !name.hasPrefix("_kb_") && name.utf8.first.map(first.contains) == true
            && name.utf8.allSatisfy { first.contains($0) || CharacterSets.digits.contains($0) }
    }

    private enum CharacterSets {
        static let letters = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_".utf8)
        static let digits = Set("0123456789".utf8)
    }
}
