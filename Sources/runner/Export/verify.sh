#!/bin/sh
# Verifies an exported run with sh, sha256sum, ssh-keygen and jq, and nothing else.
#
#   sh verify.sh [ALLOWED_SIGNERS]
#
# Exits with 0 if everything that was asked for holds, 1 if not, 2 if it cannot tell. What comes from the record is
# printed without the characters that a terminal would obey.
# Without names being filled in, no foreign file would be seen.
set -u +f
LC_ALL=C
# jq would obey what ~/.jq defines.
HOME=/dev/null
export LC_ALL HOME
# With it, cd may go to a folder of the same name elsewhere.
CDPATH=
umask 077
newline='
'
allowed=${1-}
case $allowed in '' | /*) ;; *) allowed=$PWD/$allowed ;; esac
case $0 in */*) cd -- "${0%/*}/." || exit 2 ;; esac
bad=0

# cannot_tell WHY
cannot_tell() {
    printf '%s\n' "$1" >&2
    exit 2
}

for tool in sha256sum ssh-keygen jq; do
    command -v "$tool" >/dev/null || cannot_tell "$tool is missing"
done
# A program that does not do its work must not make a right record look wrong.
case $(printf abc | sha256sum) in ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad*) ;; *)
    cannot_tell 'sha256sum does not work'
    ;;
esac
[ "$(printf a | jq -R -s 'utf8bytelength')" = 1 ] || cannot_tell 'jq does not work'
case $(ssh-keygen -Y verify -f /dev/null -I x -n x -s /dev/null -O verify-time=20260101000000Z </dev/null 2>&1) in
*ption* | *sage:* | '') cannot_tell 'ssh-keygen does not work, or is older than OpenSSH 9.1' ;;
esac
[ $# -le 1 ] || cannot_tell 'usage: sh verify.sh [ALLOWED_SIGNERS]'
# An empty name is that of a variable that was not set, and no wish to do without. It is read more than once.
if [ $# = 1 ] && { [ ! -r "$allowed" ] || [ ! -f "$allowed" ]; }; then
    cannot_tell 'the file of allowed signers cannot be read, or is no plain file'
fi

# Of a value the plain ASCII; not with jq's gsub, which not every jq has, nor its --ascii-output, with which 1.6 crashes.
plain='def plain: tostring | explode | map(if . < 32 or . > 126 then 63 else . end) | implode;'
word='def word: tostring | explode | map(if . < 33 or . > 126 then 63 else . end) | if . == [] then "?" else implode end;'
# Whether JSON is written in the one way in which all programs read it alike, but for the insides of its strings: without
# a key that is there twice, a number such as 1e0 or 01, or a blank.
# shellcheck disable=SC2016 # The variables are jq's.
strict='def frame: split("\\\\") | join("") | split("\\\"") | join("") | split("\"") | [.[range(0; length; 2)]] | join("\"");
    def depth: if type == "object" or type == "array" then 1 + ([.[] | depth] | max // 0) else 0 end;
    def is_written($there): (tojson | frame) == $there and type == "object" and depth <= 64;'

# Prints a text with everything but plain ASCII made visible.
shown() { printf '%s' "$1" | jq -R -s -r "$plain plain"; }

# wrong ASPECT PLACE PROBLEM
wrong() {
    bad=1
    printf '%s: %s: %s\n' "$1" "$(shown "$2")" "$3"
}

digest_of_text() {
    found=$(printf '%s' "$1" | sha256sum)
    found=${found%% *}
}

digest_of_file() {
    found=$(sha256sum <"$1")
    found=${found%% *}
}

# is_text FILE: whether jq reads a file of whole lines as it is; what is no UTF-8 it takes for something else.
is_text() {
    digest_of_file "$1"
    of_file=$found
    found=$(jq -R -r . "$1" | sha256sum)
    [ "${found%% *}" = "$of_file" ]
}

# The first line that has a zero byte, which a shell leaves out where it reads; nothing where none has.
line_with_zero() {
    jq -R -n -r 'first(foreach inputs as $line (0; . + 1; select($line | explode | index(0))))' "$1"
}

# digest_of_beginning FILE BYTES: of the first lines, which have that many bytes together; how many are missing is in
# $short, and in $zero the first line with a zero byte, which only jq can read, and only where the rest is text.
digest_of_beginning() {
    zero=$(line_with_zero "$1")
    if [ -n "$zero" ]; then
        short=$(jq -R -n --argjson bytes "$2" 'reduce inputs as $line ($bytes;
            if . > 0 then . - ($line | utf8bytelength) - 1 else . end)' "$1")
        found=$(jq -R -n -j --argjson bytes "$2" 'foreach inputs as $line ({left: $bytes};
            if .left > 0 then .line = $line + "\n" | .left -= (.line | utf8bytelength) else .line = "" end; .line)' "$1" |
            sha256sum)
        found=${found%% *}
        return
    fi
    found=$({
        {
            left=$2
            while [ "$left" -gt 0 ] && IFS= read -r line; do
                left=$((left - ${#line} - 1))
                printf '%s\n' "$line"
            done <"$1"
            printf '%s\n' "$left" >&4
        } | sha256sum
    } 4>&1)
    short=${found%%"$newline"*}
    found=${found#*"$newline"}
    found=${found%% *}
}

# What cannot be read was neither edited nor removed.
look_whether_readable() {
    if [ ! -r "$1" ] || [ ! -x "$1" ]; then cannot_tell "$(shown "$1") cannot be listed: do this as its owner"; fi
    for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        if [ -h "$entry" ]; then continue; fi
        if [ -d "$entry" ]; then
            look_whether_readable "$entry"
        elif [ -f "$entry" ] && [ ! -r "$entry" ]; then
            cannot_tell "$(shown "$entry") cannot be read: do this as its owner"
        fi
    done
}
[ ! -d run ] || look_whether_readable run

# 1. Each line matches its own digest and carries that of the line before; the first that of run.json.
[ -f run/run.json ] || { wrong integrity run/run.json 'it was removed'; exit 1; }
[ -f run/audit.jsonl ] || { wrong integrity run/audit.jsonl 'it was removed'; exit 1; }
id=$(jq -r "$word"' .run | strings | word' run/run.json 2>/dev/null) || id=
[ -n "$id" ] || { wrong integrity run/run.json 'it cannot be read'; exit 1; }
# run.json carries the digest of its own bytes, too.
text=
while IFS= read -r line; do text="$text$line$newline"; done <run/run.json
text=$text$line
before=${text%",$newline  \"whole\" : \""*}
digest_of_text "$before"
if [ "$text" != "$before,$newline  \"whole\" : \"$found\"$newline}$newline" ]; then
    wrong integrity run/run.json 'it was edited: it does not match its own digest'
elif ! jq -R -s -e "$strict"'split("\n") | join("") as $text | (try ($text | fromjson) catch null)
    | is_written($text | frame | split(" ") | join("")) and (.run | type) == "string"' run/run.json >/dev/null; then
    wrong integrity run/run.json 'it is not written as runner writes it'
else
    version=$(jq -r "$word"'.format | word' run/run.json)
    is_text run/run.json || cannot_tell 'run/run.json is no UTF-8, or jq did not read all of it'
    case $version in 1 | 2) ;; *) cannot_tell "run/run.json has format $version, which a later verify.sh knows" ;; esac
fi
if [ "$bad" != 0 ]; then
    printf 'run %s: DOES NOT HOLD\n' "$id"
    exit 1
fi
digest_of_file run/run.json
head=$found
[ -s run/audit.jsonl ] ||
    cannot_tell 'run/audit.jsonl has no line: whether the run was cut off before its first, runner audit verify tells'
zero=$(line_with_zero run/audit.jsonl)
if [ -n "$zero" ]; then
    wrong integrity "run/audit.jsonl, line $zero" 'it was edited: it has a zero byte'
    printf 'run %s: DOES NOT HOLD\n' "$id"
    exit 1
fi
heads=$newline
number=0
last=0
ended=no
earlier=0
exec 3<run/audit.jsonl
while read -r sequence previous run kind version strict; do
    number=$((number + 1))
    IFS= read -r line <&3 || { wrong integrity "run/audit.jsonl, line $number" 'it is cut: it has no end'; break; }
    before=${line%',"whole":"'*}
    seal=${line#"$before"}
    digest_of_text "$before"
    if [ "$seal" != ",\"whole\":\"$found\"}" ]; then
        wrong integrity "run/audit.jsonl, line $number" 'it was edited: it does not match its own digest'
        break
    fi
    case $version in
    2 | 3) ;;
    1) cannot_tell 'the record is of format 1, which does not announce files: use runner audit verify' ;;
    *[!0-9]*) strict=false ;;
    *) cannot_tell "line $number of the record has format $version, which a later verify.sh knows" ;;
    esac
    if [ "$sequence" = 1 ] && [ "$number" = 1 ] && [ "$run" != "$id" ] && [ "$previous" != "$head" ]; then
        wrong integrity run/run.json 'it is of another run, or line 1 of run/audit.jsonl is'
        break
    fi
    if [ "$sequence" != "$number" ] || [ "$run" != "$id" ]; then
        wrong integrity "run/audit.jsonl, line $number" 'a line was removed, inserted, doubled or moved'
        break
    fi
    if [ "$previous" != "$head" ]; then
        if [ "$number" = 1 ]; then place=run/run.json; else place="run/audit.jsonl, line $((number - 1))"; fi
        wrong integrity "$place" 'it was edited: the next line carries another digest of it'
        break
    fi
    if [ "$strict" != true ] || [ "$version" -lt "$earlier" ]; then
        wrong integrity "run/audit.jsonl, line $number" 'it is not written as runner writes it'
        break
    fi
    earlier=$version
    digest_of_text "$line"
    head=$found
    text=$line
    [ ! -e "run/signatures/$number.json" ] || heads="$heads$number:$head$newline"
    case $kind in
    run.end) ended=yes last=$number ;;
    head.signed | head.unsigned)
        # One of them may follow the end, and no signature covers it.
        if [ "$ended" = yes ] && [ "$number" -gt $((last + 1)) ]; then
            wrong integrity "run/audit.jsonl, line $number" 'it was appended after the end of the run'
            break
        fi
        ;;
    *) ended=no last=$number ;;
    esac
done <<END
$(jq -R -r "$word$strict"' . as $line
    | (try fromjson catch {}) | if type == "object" then . else {} end
    # Programs read an escape in different ways, too.
    | def is_there($key): (.[$key] | tojson) as $value | $line | contains("\"\($key)\":\($value),");
    [.seq, .prev, .run, .kind, .v,
        (is_written($line | frame) and is_there("seq") and is_there("prev") and is_there("run")
        and is_there("kind") and is_there("v") and ([.seq, .v] | map(type) | unique) == ["number"]
        and ([.prev, .run, .kind] | map(type) | unique) == ["string"] and .kind != "")]
    | map(word) | join(" ")' run/audit.jsonl)
END
if [ "$bad" = 0 ] && { IFS= read -r line <&3 || [ -n "$line" ]; }; then
    cannot_tell 'jq did not read all of run/audit.jsonl'
fi
exec 3<&-
if [ "$bad" = 0 ]; then
    is_text run/audit.jsonl || wrong integrity run/audit.jsonl 'it was edited: it is no UTF-8'
fi
if [ "$bad" != 0 ]; then
    printf 'run %s: DOES NOT HOLD\n' "$id"
    exit 1
fi

# find_unnamed PATH DIGEST PENDING OLD-NAME: finds the file that was to get this name when the run was cut off. A line
# announces a file while that is still called .NAME.NUMBER.tmp, or has the old name that the last line tells.
find_unnamed() {
    case $1 in */*) folder=run/${1%/*} ;; *) folder=run ;; esac
    for entry in "$folder/.${1##*/}".*.tmp "run/$4"; do
        case $entry,$3 in "run/$4,"*) [ "$4" != - ] || continue ;; *"$newline"* | *,0) continue ;; esac
        if [ -f "$entry" ] && [ ! -h "$entry" ]; then
            digest_of_file "$entry"
            if [ "$found" = "$2" ]; then
                found=$entry
                return
            fi
        fi
    done
    found=
}

# 2. Each file that a line announces is there, as announced, and no other.
expected="$newline"run/run.json"$newline"run/audit.jsonl"$newline"
uncovered=
short_of=
untold=
unnamed=
renamed=$newline
while read -r line digest bytes safe_line safe_digest safe_bytes pending was path; do
    [ -n "$line" ] || continue
    if [ "$digest" = - ]; then
        wrong integrity "run/audit.jsonl, line $line" "it announces $path, which no record about a signature does"
        continue
    fi
    case $digest,/$path/ in '?,'* | *,//* | *,*//* | */./* | */../* | *[!0-9A-Za-z,._/-]*)
        wrong integrity "run/audit.jsonl, line $line" "it announces $path, which no run does"
        continue
        ;;
    esac
    expected="$expected"run/$path$newline
    if [ ! -f "run/$path" ]; then
        # A transcript has its own name from its first byte on.
        case $path in steps/*) found= ;; *) find_unnamed "$path" "$digest" "$pending" "$was" ;; esac
        if [ -n "$found" ]; then
            expected="$expected$found$newline"
            unnamed="$unnamed run/$path"
            renamed="$renamed$path:$found$newline"
            continue
        fi
        case $ended,$path,$safe_line in no,steps/*,0)
            short_of="$short_of run/$path"
            continue
            ;;
        esac
        wrong completeness "run/$path" "it was removed: line $line announces it"
        continue
    fi
    digest_of_file "run/$path"
    [ "$found" = "$digest" ] && continue
    case $ended,$path in
    # Only its beginning is announced, until the run ends.
    no,steps/*)
        digest_of_beginning "run/$path" "$safe_bytes"
        if [ "$found" != "$safe_digest" ] && [ "$safe_line" != 0 ]; then
            if [ -n "$zero" ] && ! jq -R -n -e 'all(inputs; explode | index(65533) | not)' "run/$path" >/dev/null; then
                untold="$untold run/$path"
                continue
            fi
            wrong integrity "run/$path" "it was edited or cut after line $safe_line announced it"
            continue
        fi
        digest_of_beginning "run/$path" "$bytes"
        if [ "$found" = "$digest" ]; then
            uncovered="$uncovered run/$path"
        elif [ "$short" -gt 0 ] || [ -n "$zero" ]; then
            short_of="$short_of run/$path"
        else
            wrong integrity "run/$path" "it was edited after line $line announced it"
        fi
        ;;
    *) wrong integrity "run/$path" "it was edited after line $line announced it" ;;
    esac
done <<END
$(jq -R -n -r "$word"'
    # Whether a record was on the disk before the next one was written, and with it the transcripts that it announces.
    def is_durable($changes): .kind as $kind
        | ($kind == "command.start" and .command.effect? == "change")
        or ($kind == "command.end" and $changes[.end.start? | tostring])
        or ([ "run.start", "run.resume", "run.end", "damage", "directory.set-aside", "checkpoint", "checkpoint.withdrawn",
            "evidence", "lock.takeover", "head.signed", "head.unsigned" ] | index($kind) != null);
    def is_of_signature: . == "head.signed" or . == "head.unsigned";
    # Whether a record may announce the file. No signature covers the record of the last one: that must not say anew what
    # other files are.
    def may_announce($record; $known): (.path | tostring) as $path
        | ($record.kind | is_of_signature | not)
        or ($record.kind == "head.signed" and .was == null and ($known | not)
            and (("signatures/" + (($record.head | objects | .seq) // "" | tostring)) as $name
                | $path == $name + ".json" or $path == $name + ".json.sig"
                or ($path | startswith($name + "-") and endswith(".link") and (split("/") | length) == 2)));
    # Whether it says path, digest and size of a file.
    def is_of_file: type == "object" and ([.path, .sha256] | map(type) | unique) == ["string"]
        and (.sha256 | length == 64 and (explode | all((. >= 48 and . <= 57) or (. >= 97 and . <= 102))))
        and (.bytes | type == "number" and . >= 0 and . == floor)
        and (.was == null or (.was | type) == "string");
    def folder: split("/") | .[:-1] | join("/");
    # Files may lack their names until a later record shows that these are durable: a file is written beside those
    # before it, and the folder made durable with it.
    def name($record): ($record.files // [] | arrays | map(objects | select(.was == null) | .path | tostring)
            | map(select(startswith("steps/") | not))) as $written
        | ($written | map(folder)) as $folders
        | if $record.kind == "torn-tail" or ($record.kind == "run.resume" and .kind != "torn-tail") then .pending = {}
          elif $record.kind == "run.end" then .pending |= with_entries(select(.key | split("/")[0] | . != "checkpoints" and . != "evidence"))
          elif .ended and ($record.kind | is_of_signature) then
              .pending |= with_entries(select(.key | folder != ""))
          else . end
        | .ended = ($record.kind == "run.end" or (.ended and ($record.kind | is_of_signature)))
        | .kind = $record.kind
        | if [ "checkpoint", "evidence", "run.end", "head.signed", "torn-tail" ] | index($record.kind) then
              .pending |= with_entries(select(.key | folder as $folder | $folders | index($folder) | not))
              | reduce $written[] as $path (.; .pending[$path] = true)
          else . end;
    reduce (inputs | try fromjson catch empty | objects) as $record (
        {durable: false, changes: {}, safe: {}, files: {}, misplaced: [], pending: {}, ended: false, kind: ""};
        name($record) |
        if .durable and $record.kind != "torn-tail" and $record.kind != "run.resume" then .safe = .files else . end
        | reduce ($record.files // [] | if type == "array" then .[] else . end) as $file (.;
            (.files | has($file.path? | tostring)) as $known
            | if $file | is_of_file | not then .misplaced += [[$record.seq, "?", 0, 0, "-", 0, 0, "-", ($file.path? | word)]]
            elif $file | may_announce($record; $known) then
                (if $file.was then .files |= del(.[$file.was]) else . end)
                | .files[$file.path | tostring] = [$record.seq, $file.sha256, $file.bytes, $file.was]
            else .misplaced += [[$record.seq, "-", 0, 0, "-", 0, 0, "-", ($file.path | word)]] end)
        | .last = $record.seq
        | .changes as $changes | .durable = ($record | is_durable($changes))
        | if $record.kind == "command.start" and .durable then .changes[$record.seq | tostring] = true else . end)
    | .misplaced[], (.safe as $safe | .last as $last | .pending as $pending | .files | to_entries[]
    | (if .value[0] == $last then .value[3] // "-" else "-" end) as $was
    | .value[0:3] + ($safe[.key] // [0, "-", 0])[0:3] + [(if $pending[.key] then 1 else 0 end), $was, .key])
    | map(word) | join(" ")' run/audit.jsonl)
END

# What a run creates before it announces what is in it.
folders=
for entry in run/checkpoints run/steps run/evidence run/evidence/* run/signatures; do folders="$folders$newline$entry/"; done

# may_be_left FILE: whether it has a name that a file has while it is written; a process may have been killed then, or the
# disk have failed.
may_be_left() {
    case $1 in */.*.*.tmp) ;; *) return 1 ;; esac
    name=${1%.tmp}
    case ${name##*.} in '' | *[!0-9]*) return 1 ;; esac
}

look() {
    if [ ! -r "$1" ] || [ ! -x "$1" ]; then wrong integrity "$1" 'what is in it cannot be listed'; fi
    for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        case $entry in *"$newline"*)
            # Among the paths that are announced it would look like two of them.
            wrong integrity "$entry" 'it is foreign: no line announces it'
            continue
            ;;
        esac
        if [ -h "$entry" ]; then
            wrong integrity "$entry" 'it is foreign: no run makes links'
        elif [ -d "$entry" ]; then
            case $expected$folders in *"$newline$entry/"*) ;; *)
                wrong integrity "$entry" 'it is foreign: no run creates such a folder'
                ;;
            esac
            look "$entry"
        elif [ -e "$entry" ]; then
            case $expected in *"$newline$entry$newline"*) continue ;; esac
            case $entry,$ended in run/steps/*.log,no) may=yes ;; *) may=no ;; esac
            if [ -f "$entry" ] && { [ "$may" = yes ] || may_be_left "$entry"; }; then
                uncovered="$uncovered $entry"
            else
                wrong integrity "$entry" 'it is foreign: no line announces it'
            fi
        fi
    done
}
look run

# place_of PATH: where an announced file is, which may not have got its name.
place_of() {
    place=run/$1
    case $renamed in *"$newline$1:"*)
        place=${renamed#*"$newline$1:"}
        place=${place%%"$newline"*}
        ;;
    esac
}

# signer_of STATEMENT SIGNATURE TIME: prints the first allowed signer who made the signature. One key may have several lines, each
# for another purpose, and find-principals knows of none.
signer_of() {
    exec 5<"$allowed"
    while read -r line <&5 || [ -n "$line" ]; do
        case $line in
        '' | '#'*) continue ;;
        '"'*) name=${line#\"} name=${name%%\"*} ;;
        *) name=${line%%[[:blank:]]*} ;;
        esac
        while case $name in '!'*,*) : ;; *) false ;; esac; do name=${name#*,}; done
        name=${name%%,*}
        if ssh-keygen -Y verify -q -f "$allowed" -I "$name" -n keybuzz-runner -s "$2" -O "verify-time=${3}Z" \
            <"$1" >/dev/null 2>&1; then
            printf '%s' "$name"
            break
        fi
    done
    exec 5<&-
}

# is_well_written FILE: whether a signature has no more in it than one has. ssh-keygen takes no offence at what is added
# after it, or in the field that is reserved.
is_well_written() {
    jq -R -s -e 'split("\n") as $lines | $lines[1:-2] as $body | ($body | join("")) as $all
        | ($all | split("=") | .[0] | explode | map(if . >= 97 and . <= 122 then . - 71 elif . >= 65 and . <= 90 then . - 65
            elif . >= 48 and . <= 57 then . + 4 elif . == 43 then 62 elif . == 47 then 63 else -1 end)) as $digits
        | ([range(0; $digits | length; 4) as $at | $digits[$at:$at + 4]
            | (.[0] * 4 + ((.[1] // 0) / 16 | floor)), (if length > 2 then (.[1] % 16) * 16 + (.[2] / 4 | floor) else empty end),
                (if length > 3 then (.[2] % 4) * 64 + .[3] else empty end)]) as $bytes
        | def after: . as $at | $at + 4 + ($bytes[$at:$at + 4] | reduce .[] as $byte (0; . * 256 + $byte));
        def inside: $bytes[. + 4:after];
        # A number with more zeros before it than the one that says it is not negative is another signature, too.
        def is_short: inside | .[0] != 0 or .[1] >= 128;
        (14 | inside | implode) as $type | ($digits | length % 4) as $rest
        | $lines[0] == "-----BEGIN SSH SIGNATURE-----" and $lines[-2:] == ["-----END SSH SIGNATURE-----", ""]
        and ($body | length > 0) and ($body[:-1] | all(length == 76)) and ($body[-1] | length > 0 and length <= 76)
        and ($digits | all(. >= 0)) and ($rest != 1)
        and ($all | ltrimstr(.[:$digits | length])) == ["", "", "==", "="][$rest]
        and ($rest != 2 or $digits[-1] % 16 == 0) and ($rest != 3 or $digits[-1] % 4 == 0)
        and ($type | . == "ssh-ed25519" or . == "ssh-rsa" or startswith("ecdsa-sha2-nistp"))
        and (10 | after | after | after == . + 4 and (after | (inside | implode) == "sha512"
            and (after | after == ($bytes | length) and (. + 4 | (inside | implode) == ({"ssh-rsa": "rsa-sha2-512"}[$type] // $type)
                and (($type | startswith("ecdsa-") | not) or (after + 4 | is_short and (after | is_short)))))))' \
        "$1" >/dev/null 2>&1
}

# 3. Each signature is right, is over the record that is there, and is that of somebody who may sign.
signed=0
signed_with=
signers=
for statement in run/signatures/*.json; do
    [ -f "$statement" ] || continue
    read -r sequence hash run time <<END
$(jq -r "$word"' [.head.seq, .head.hash, .run,
    (.time | tostring | .[0:19] | explode | map(select(. >= 48 and . <= 57)) | implode)]
    | map(word) | join(" ")' "$statement" 2>/dev/null)
END
    if [ "$statement" != "run/signatures/$sequence.json" ] || [ "$run" != "$id" ]; then
        wrong authenticity "$statement" "it is no statement about this run's record"
        continue
    fi
    place_of "signatures/$sequence.json.sig"
    signature=$place
    if [ ! -f "$signature" ]; then
        wrong authenticity "$statement" 'unsigned: the signature was removed'
        continue
    fi
    answer=$(ssh-keygen -Y check-novalidate -n keybuzz-runner -s "$signature" <"$statement" 2>/dev/null) || {
        wrong authenticity "$statement.sig" 'signature does not match'
        continue
    }
    if ! is_well_written "$signature"; then
        wrong authenticity "$statement.sig" 'it is not written as runner writes it'
        continue
    fi
    if [ -n "$allowed" ]; then
        name=$(signer_of "$statement" "$signature" "$time")
        if [ -z "$name" ]; then
            wrong authenticity "$statement.sig" 'signer unknown: no allowed signer made it'
            continue
        fi
        case "$newline$signers" in *"$newline$name$newline"*) ;; *) signers="$signers$name$newline" ;; esac
    fi
    case $heads in
    *"$newline$sequence:$hash$newline"*) [ "$sequence" -gt "$signed" ] && signed=$sequence signed_with=$answer ;;
    *) wrong authenticity "run/audit.jsonl, line $sequence" 'signature does not match: another record was signed here' ;;
    esac
done
if [ -n "$allowed" ] && [ "$signed" -lt "$last" ]; then
    wrong authenticity "run/audit.jsonl, line $((signed + 1))" "unsigned from here to line $last"
fi

# The line after the last one that is signed tells of that signature. No signature covers it, so it may say nothing but
# what the statement, the signature and the link show.
tells_of_the_last() {
    before=${text%',"whole":"'*}
    start=$(jq -c -S 'del(.whole, .text, .time, .v) | walk(if type == "number" then . + 0 else . end)' <<END
$text
END
    ) || return
    end=$(jq -r '"\",\"time\":\"\(.time)\",\"v\":3"' <<END
$text
END
    ) || return
    said=${before#"${start%\}},\"text\":\""}
    [ "$said" != "$before" ] && [ "$before" != "${before%"$end"}" ] || return
    said=${said%"$end"}
    link=$(jq -r '.files[2:3] | map(.path) | join("")' <<END
$text
END
    ) || return
    place_of "signatures/$signed.json.sig"
    signature=$place
    place_of "$link"
    case $link in
    '') place=/dev/null ;;
    # Nothing is waited for that has a file's name.
    "signatures/$signed-"*.link) [ -f "$place" ] || return ;;
    *) return 1 ;;
    esac
    digest_of_file "run/signatures/$signed.json"
    jq -n -e --arg said "\"$said\"" --arg line "$text" --slurpfile link "$place" --arg digest "$found" \
        --arg with "${signed_with##* }" --arg answer "$signed_with" --arg number "$signed" \
        --arg path "$link" --slurpfile statements "run/signatures/$signed.json" --rawfile content "$place" \
        --rawfile statement_text "run/signatures/$signed.json" --rawfile signature "$signature" '
        $statements[0] as $statement | ($line | fromjson) as $record | "signatures/\($number).json" as $name
        | "signed with \($record.key)" as $text
        | ($answer | if contains(" with ED25519 key ") then "ssh-ed25519" elif contains(" with RSA key ") then "ssh-rsa"
            elif contains(" with ECDSA key ") then "ecdsa-sha2-" else "?" end) as $type
        | "\($number)-\($statement.step // "run")" as $step
        | ([$statement_text, $signature, $content][0:($record.files | length)] | map(utf8bytelength)) as $sizes
        | ($said | try fromjson catch null) == $record.text and ($record.text | type == "string")
        and ($record | keys - ["step"]) == ["elapsed_ms", "files", "head", "key", "kind", "prev", "run", "seq", "text",
            "time", "v", "whole"]
        and $record.kind == "head.signed" and $record.head == $statement.head and $record.step == $statement.step
        and ($statement.format == 1 or ($record.time == $statement.time and $record.elapsed_ms == $statement.elapsed_ms))
        and ($record.key | startswith($type) and endswith(" " + $with) and (split(" ") | length == 2))
        and ($record.files | map(keys == ["bytes", "path", "sha256"]) | all)
        and ($record.files | map(.path))[0:2] == [$name, $name + ".sig"] and ($record.files | map(.bytes)) == $sizes
        and if $record.files[2] == null then
            if $type == "ssh-ed25519" then $record.text | startswith($text + "; without an in-toto link: ")
            else $record.text == $text end
        else
            $record.text == $text and ($record.files | length == 3) and ($link | length == 1)
            and ($link[0] | (keys == ["payload", "payloadType", "signatures"])
                and .payloadType == "application/vnd.in-toto+json" and (.signatures | length == 1)
                and (.signatures[0] | keys == ["keyid", "sig"])
                and $path == "signatures/\($step).\(.signatures[0].keyid[:8]).link"
                and (.payload | @base64d | fromjson | .name == $step and .products[$name].sha256 == $digest))
        end' >/dev/null 2>&1
}
if [ -n "$allowed" ] && [ "$signed" -ge "$last" ] && [ "$number" -gt "$signed" ]; then
    if [ "$number" -gt $((signed + 1)) ]; then
        wrong authenticity "run/audit.jsonl, line $((signed + 2))" 'no signature covers it'
    elif ! tells_of_the_last; then
        wrong authenticity "run/audit.jsonl, line $number" 'no signature covers it, and it is not what runner writes of the last'
    fi
fi

# 4. What that means.
for entry in $uncovered; do
    printf 'note: %s has an end that no line covers: the run was cut off while it was written\n' "$(shown "$entry")"
done
for entry in $unnamed; do
    printf 'note: %s has another name still: the run was cut off before it got its own\n' "$(shown "$entry")"
done
for entry in $short_of; do
    printf 'note: %s is shorter than announced, which a power cut explains\n' "$(shown "$entry")"
done
[ "$ended" = yes ] || printf 'note: the run has no end: it was cut off, or its record was\n'
if [ "$bad" != 0 ]; then
    printf 'run %s: DOES NOT HOLD\n' "$id"
    exit 1
fi
if [ -n "$untold" ]; then
    for entry in $untold; do
        printf '%s has zero bytes, and some that are no text: runner audit verify tells whether it was edited\n' \
            "$(shown "$entry")" >&2
    done
    exit 2
fi
if [ "$ended" = yes ]; then complete=complete; else complete=unfinished; fi
if [ -n "$allowed" ]; then
    printf 'run %s: intact, %s, %s records, signed by %s\n' "$id" "$complete" "$number" "$(shown "${signers%"$newline"}")"
else
    printf 'run %s: intact, %s, %s records, head %s:%s\n' "$id" "$complete" "$number" "$number" "$head"
    if [ "$signed" = 0 ]; then
        printf 'note: nothing is signed\n'
    else
        printf 'note: signed up to line %s; who signed is checked by sh verify.sh ALLOWED_SIGNERS\n' "$signed"
    fi
fi
