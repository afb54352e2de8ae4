import ClientKit

/// The shell text that runs on the host: the loop of the remote shell, and the line that each command becomes.
///
/// The loop reads a line, byte by byte as `read` does on a pipe, and evaluates it; what the command may read on standard
/// input follows the line. The words of the loop and of ``functions(token:lockFile:)`` are understood by every POSIX `sh`.
enum RemoteScript {
    /// Why a command cannot be written down.
    enum Failure: Error, Hashable {
        case noProgram
        case nulByte
        case variableName(String)
    }

    /// A command as the remote shell reads it.
    struct Line {
        fileprivate let token: String
        fileprivate let text: [UInt8]
        fileprivate let isExclusive: Bool
        /// Whether it needs what ``functions(token:lockFile:)`` defines.
        let needsFunctions: Bool

        /// What is sent; an exclusive command begins only where no later run than that of `fence` has been, and before
        /// the host has been up for `limit` seconds.
        func bytes(of fence: Fence?, before limit: Int?) -> [UInt8] {
            guard isExclusive else { return Array(token.utf8) + text }
            let (module, number) = (fence.map { "\($0.module)" } ?? "", fence.map { "\($0.number)" } ?? "")
            let terms = "_kb_until=\(limit.map(String.init) ?? "");_kb_module=\(module);_kb_number=\(number);"
            return Array(token.utf8) + Array(terms.utf8) + text
        }
    }

    /// What is executed on the channel: announces itself with `token` and how long the host has been up, then evaluates
    /// each line that begins with the token.
    ///
    /// Any other line means that the stream is out of step, and bytes meant as input are never evaluated. Programs of
    /// administrators, and kubectl where kubespray puts it, are found for every login and whatever sudo's `secure_path`
    /// is. Where a program was found is forgotten after each command, which may have installed another.
    ///
    /// The login's environment may hold what acts on the shell itself: `TMOUT` ends an idle `read` in bash and ksh, and in
    /// bash a function that a start file exports goes before a program of its name.
    ///
    /// There are no single quotes in it, and what is in them means the same to every login shell.
    static func loop(token: String, usesSudo: Bool) -> String {
        // Without asking for a password, because nobody could type it, and with root's home directory.
        let sudo = usesSudo ? "sudo -n -H -u root " : ""
        return """
            exec \(sudo)sh -c 'TMOUT=0;unset TMOUT;[ -z "${BASH_VERSION-}" ]||unset -f $(compgen -A function 2>/dev/null);\
            _kb_now(){ _kb_up=;{ read -r _kb_up _kb_rest <"/proc/uptime";} 2>/dev/null;};\
            _kb_now;printf "%s %s\\n" \(token) "$_kb_up";printf "%s\\n" \(token) >&2;_kb_up=;\
            export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin";\
            _kb_end(){ printf "%s %s\\n" "$2" "$1";printf "%s %s\\n" "$2" "$_kb_up" >&2;_kb_up=;hash -r 2>/dev/null;};\
            while IFS= read -r _kb_line;do \
            case $_kb_line in \(token)*) eval "${_kb_line#\(token)}";;*) exit 125;;esac;done'
            """
    }

    /// The line that defines the functions of ``Line/needsFunctions``.
    ///
    /// Most shells never need them, and `read` takes a system call for each byte.
    static func functions(token: String, lockFile: String) throws(Failure) -> [UInt8] {
        let text = read + input + lock
        // The shell knows where home is; the rest of the path is a word like any other.
        let home = lockFile.hasPrefix("~/") ? #""$HOME"/"# : ""
        let path = home.isEmpty ? lockFile : String(lockFile.dropFirst(2))
        return Array(token.utf8) + text.utf8.filter { $0 != newline[0] } + home.utf8 + (try word(path)) + newline
    }

    /// The status of a command whose input cannot be passed to it, after which the shell ends.
    static let noInput = "noinput"

    /// The status of a command that was not begun, since another one holds the host's lock.
    static let busy = "busy"

    /// The status of a command that was not begun, since its time was over.
    static let late = "late"

    /// The status of a command that was not begun, since a later run has been there; the file that says so is told.
    static let stale = "stale"

    /// The status of a command that was not begun, since the run's number cannot be written there.
    static let noFence = "nofence"

    private static let read = #"""
        _kb_nl=$(printf '\nx');_kb_nl=${_kb_nl%x};
        _kb_read(){ (_kb_body);_kb_status=$?;};
        """#

    /// Passing the command its input, to the byte.
    ///
    /// BusyBox's `head` reads past its count, where GNU's does not: so it is tried, once, before the first input, and `dd`
    /// is used otherwise, in blocks where it can wait for whole ones.
    private static let input = #"""
        _kb_by=;
        _kb_exact(){ [ "$(printf 'abc'|{ "$@";printf .;cat;} 2>/dev/null)" = a.bc ];};
        _kb_prove(){ [ -z "$_kb_by" ]||return 0;
         if _kb_exact head -c 1;then _kb_by=head;
         elif _kb_exact dd bs=1 count=1 iflag=fullblock;then _kb_by=blocks;
         elif _kb_exact dd bs=1 count=1;then _kb_by=bytes;
         else _kb_end noinput "$_kb_nonce";exit 125;fi;};
        _kb_take(){ case $_kb_by in
         head) head -c "$1";;
         blocks) [ "$1" -lt 65536 ]||dd bs=65536 count=$(($1/65536)) iflag=fullblock 2>/dev/null;
          [ $(($1%65536)) -eq 0 ]||dd bs=$(($1%65536)) count=1 iflag=fullblock 2>/dev/null;;
         bytes) dd bs=1 count="$1" 2>/dev/null;;
        esac;};
        _kb_input(){ _kb_take "$1";IFS= read -r _kb_line;[ "$_kb_line" = "$2" ]||kill -KILL 0;};
        """#

    /// Changing under the host's lock.
    ///
    /// `_kb_change` holds it on descriptor 9, which the command inherits: the lock lasts as long as the command does,
    /// whatever happens to this shell. Waiting shells are recognised by the `_kb_` in their text, and of a holder's
    /// children only those are told whose parent has ended. BusyBox's
    /// `flock` cannot wait for a limited time, which it shows with a file that nobody locks, and so is asked each second.
    ///
    /// What has waited begins only if the session that it was sent in is still there: the process that this shell was
    /// started by, or that which started sudo; and only in time, by the host's own clock: what was sent may have been on
    /// its way for long, and the machine that sent it may have stood still without noticing. The greatest fencing number
    /// that has been there is in a file beside the lock, one for each module, written over in place so that a full disk
    /// or a cut leaves the earlier one. Whose a holder is, its own environment says: unlike what is written into a file,
    /// that is never about another process.
    private static let lock = #"""
        _kb_session=$PPID;while { IFS= read -r _kb_stat <"/proc/$_kb_session/stat";} 2>/dev/null;do
         case $_kb_stat in *'(sudo)'*) set -- ${_kb_stat##*) };_kb_session=$2;;*) break;;esac;done;
        _kb_lives(){ { IFS= read -r _kb_stat <"/proc/$_kb_session/stat";} 2>/dev/null||return 1;
         case ${_kb_stat##*) } in [ZX]*) return 1;;esac;};_kb_lives||_kb_session=;
        _kb_flock(){ flock -x -w "$_kb_wait" 9 2>/dev/null;_kb_code=$?;[ $_kb_code -eq 1 ]||return $_kb_code;
         if flock -s -w 1 8 8</ 2>/dev/null;then return 1;fi;
         until flock -x -n 9 2>/dev/null;do [ "$_kb_wait" -gt 0 ]||return 1;_kb_wait=$((_kb_wait-1));sleep 1 9>&-;done;};
        _kb_change(){ _kb_status=nolock;{ _kb_flock;_kb_code=$?;case $_kb_code in
         0) if [ -n "$_kb_session" ]&&! _kb_lives;then _kb_status=gone;
          elif _kb_late;then _kb_status=late;elif _kb_pass;then (_kb_body);_kb_status=$?;fi;;
         1) _kb_status=busy;_kb_holders 9>&-;;
         127) _kb_status=noflock;printf 'flock is not installed' >&2;;
         *) _kb_status=noflock;printf 'flock failed with status %s' $_kb_code >&2;;
        esac;} 9>>"$_kb_lock";_kb_now;};
        _kb_late(){ [ -n "$_kb_until" ]||return 1;_kb_now;case $_kb_up in ''|.*|*[!0-9.]*) return 1;;esac;
         [ "${_kb_up%%.*}" -ge "$_kb_until" ];};
        _kb_pass(){ [ -n "$_kb_number" ]||return 0;_kb_fence=$_kb_lock.$_kb_module;_kb_seen=;
         { IFS= read -r _kb_seen <"$_kb_fence";} 2>/dev/null;case $_kb_seen in ''|*[!0-9]*|????????????????*) _kb_seen=0;;esac;
         if [ "$_kb_seen" -gt "$_kb_number" ];then _kb_status=stale;printf '%s in %s' "$_kb_seen" "$_kb_fence" >&2;return 1;fi;
         [ "$_kb_seen" -lt "$_kb_number" ]||return 0;_kb_status=nofence;printf '%s\n' "$_kb_number" 1<>"$_kb_fence";};
        _kb_holds(){ [ "$1/fd/9" -ef "$_kb_lock" ]||return 1;_kb_args=$({ tr '\000' ' ' <"$1/cmdline";} 2>/dev/null);
         case $_kb_args in ''|'flock '*|*_kb_*) return 1;;esac;};
        _kb_holders(){ for _kb_file in /proc/[0-9]*/fd/9;do _kb_pid=${_kb_file%/fd/9};
         if _kb_holds "$_kb_pid";then { IFS= read -r _kb_stat <"$_kb_pid/stat";} 2>/dev/null||continue;
         set -- ${_kb_stat##*) };! _kb_holds "/proc/$2"||continue;_kb_holds "$_kb_pid"||continue;
         printf '%s%s (process %s%s)\n' "$(_kb_whose "$_kb_pid")" "${_kb_args% }" "${_kb_pid#/proc/}" "$(_kb_age "$_kb_pid")" >&2;
        fi;done;};
        _kb_whose(){ { tr '\000' '\n' <"$1/environ"|sed -n 's/^KEYBUZZ_RUNNER=\(.*\)/\1: /p';} 2>/dev/null;};
        _kb_age(){ { IFS= read -r _kb_stat <"$1/stat"&&read -r _kb_up _kb_line </proc/uptime;} 2>/dev/null||return 0;
         set -- ${_kb_stat##*) };printf ', running for %s s' $((${_kb_up%%.*}-${20}/$(getconf CLK_TCK 2>/dev/null||echo 100)));};
        _kb_lock=
        """#

    /// The variable of a changing command's environment that says what it is for and by whom, for those who wait for it.
    static let mark = "KEYBUZZ_RUNNER"

    /// The line that runs `command`.
    ///
    /// Its input must follow, and after that, if there is any, ``endOfInput(token:)``.
    ///
    /// A command never takes the loss of the link for the end of its input: its feeder looks for the mark behind the
    /// input first, and without one ends the whole process group while the pipe is still open.
    static func line(
        for command: RemoteCommand, token: String, nonce: String, lockWait: Duration
    ) throws(Failure) -> Line {
        guard let program = command.arguments.first, !program.isEmpty else { throw .noProgram }
        var variables: [[UInt8]] = []
        for (name, value) in command.environment.sorted(by: { $0.key < $1.key }) {
            guard isVariableName(name) else { throw .variableName(name) }
            variables.append(Array("\(name)=".utf8) + (try word(value)))
        }
        var words: [UInt8] = []
        for argument in command.arguments {
            if !words.isEmpty { words.append(space) }
            words += try word(argument)
        }
        var line: [UInt8] = []
        if isSimple(command, program: program) {
            for variable in variables { line += variable + [space] }
            line += words
            line += " </dev/null;_kb_end $? \(nonce)\n".utf8
            let texts = command.arguments + command.environment.values
            return Line(
                token: token, text: line, isExclusive: false,
                needsFunctions: texts.contains { $0.utf8.contains(newline[0]) })
        }
        line += "_kb_nonce=\(nonce);_kb_wait=\(max(1, lockWait.components.seconds));_kb_body(){ ".utf8
        for variable in variables { line += Array("export ".utf8) + variable + Array(";".utf8) }
        // `exec` takes programs only: a builtin such as `exit` or `cd` must not act on the shell that everyone shares.
        line += Array("exec ".utf8) + words + Array(";};".utf8)
        let runner = command.isExclusive ? "_kb_change" : "_kb_read"
        let end = "_kb_end \"$_kb_status\" \(nonce)"
        if command.standardInput.isEmpty {
            line += "\(runner) </dev/null;\(end)\n".utf8
        } else {
            // What the command leaves unread is discarded, or it would be taken for the next line.
            line +=
                "_kb_prove;_kb_input \(command.standardInput.count) \(token)|{ \(runner);cat >/dev/null;\(end);}\n".utf8
        }
        return Line(token: token, text: line, isExclusive: command.isExclusive, needsFunctions: true)
    }

    /// Whether it can be evaluated as it is, without a subshell: that spares the host a fork of the shell, where `sh` has
    /// `vfork` for plain commands.
    private static func isSimple(_ command: RemoteCommand, program: String) -> Bool {
        !command.isExclusive && command.standardInput.isEmpty && !builtins.contains(program)
            && !program.hasPrefix("_kb_") && shellVariables.isDisjoint(with: command.environment.keys)
    }

    /// What follows the input of a command.
    static func endOfInput(token: String) -> [UInt8] {
        Array(token.utf8) + newline
    }

    private static let newline = [UInt8(ascii: "\n")]
    private static let space = UInt8(ascii: " ")

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
