#!/usr/bin/env python3
"""Counts what CONTRIBUTING.md asks for and a script can count. Part of `make lint`."""

import json
import re
import subprocess
import sys
from pathlib import Path

# Limits only ever come down. Shares are of all functions and initialisers in Sources and steps.
MOST_WITH_TWO_UNLABELLED = 0.05
MOST_WITH_THREE_UNLABELLED = 0.01
# Of all lines in Sources, steps and Tests.
MOST_LINES_OVER_100_COLUMNS = 0.08
LONGEST_FILE = 250
# Files that are longer all the same. No file may be added.
LONGER_FILES = {
    "CauseTests.swift", "DatabaseContents.swift", "DatabaseState+Setup.swift", "HTTPProbeTests.swift",
    "InventoryImportTests.swift", "PlanGuardTests.swift", "RegistryProofTests.swift", "ResumeTests.swift",
    "StrictJSON.swift",
}
LONGEST_SUBJECT = 72
# Lines that name what a module installs, outside the module's folder in steps/.
APPLICATION = re.compile(r"chatwoot", re.IGNORECASE)
MOST_LINES_NAMING_AN_APPLICATION = 0
# Foundation's, whose children have what other threads of the tests open at that moment: see ChildProcess.
FOREIGN_PROCESS = re.compile(r"(?<!\w)Process\(\)")
# The newest commits whose subjects are measured; a shallow clone has fewer.
SUBJECTS = 20

# What each target may import of the others. A target that is missing here is a mistake.
LAYERS = {
    "CLibSSH2": set(),
    "CLibPQ": set(),
    "COpenSSL": set(),
    "CLinux": set(),
    "ClientKit": {"COpenSSL"},
    "SSH": {"CLibSSH2", "ClientKit"},
    "Postgres": {"CLibPQ", "ClientKit"},
    "Redis": {"ClientKit"},
    "Kubernetes": {"ClientKit", "SSH"},
    "Journal": {"CLinux", "ClientKit"},
    "StepKit": {"ClientKit", "SSH", "Kubernetes", "Postgres", "Redis"},
    "Engine": {"ClientKit", "StepKit", "Journal"},
    "Steps": {"ClientKit", "Kubernetes", "Postgres", "Redis", "StepKit"},
    "RunnerCommands": {"ClientKit", "SSH", "Kubernetes", "Postgres", "Redis", "StepKit", "Journal", "Engine"},
    "runner": {"RunnerCommands", "Steps"},
}
FUNCTION = re.compile(r"\b(?:func\s+[\w`]+|init[?!]?)\s*(?:<[^>(]*>)?\(")
IMPORT = re.compile(r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|private|fileprivate)\s+)?import\s+(\w+)")


def code_of(text):
    """The text without its comments and the contents of its strings, so that neither is taken for code."""
    text = re.sub(r'"""(?:\\.|[^\\])*?"""', '""', text, flags=re.S)
    text = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return re.sub(r"//[^\n]*", "", text)


def parameters(code, start):
    """The parameters of the list that opens before `start`, each as its text."""
    depth, current, found = 1, "", []
    for character in code[start:]:
        if character in "([{<":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == ">" and not current.endswith("-"):
            depth -= 1
        if depth == 0:
            break
        if character == "," and depth == 1:
            found.append(current)
            current = ""
        else:
            current += character
    return [p for p in found + [current] if p.strip()]


def unlabelled(code):
    """For each function and initialiser: its place and how many of its parameters have no label."""
    for match in FUNCTION.finditer(code):
        count = sum(1 for p in parameters(code, match.end()) if re.match(r"\s*(?:@\w+\s+)*_\s", p))
        yield match.start(), count


def share(name, part, whole, limit, examples):
    """A mistake where more than `limit` of the whole is in `part`."""
    if not whole or part / whole <= limit:
        return []
    listed = "".join(f"\n    {example}" for example in examples)
    return [f"{name}: {part} of {whole} ({part / whole:.1%}), the limit is {limit:.1%}{listed}"]


def target_of(path):
    """The target of a file of Sources or steps."""
    if path.parts[0] == "steps":
        return "Steps"
    if path.parts[1] == "runner" and path.parts[2] != "Main":
        return "RunnerCommands"
    return path.parts[1]


def main():
    root = Path(__file__).resolve().parents[2]
    product = sorted((root / "Sources").rglob("*.swift")) + sorted((root / "steps").rglob("*.swift"))
    mistakes = []

    functions, two, three = 0, [], []
    for path in product:
        code = code_of(path.read_text())
        for place, count in unlabelled(code):
            functions += 1
            where = f"{path.relative_to(root)}: {code[place:place + 60].splitlines()[0]}"
            if count >= 2:
                two.append(where)
            if count >= 3:
                three.append(where)
    mistakes += share("functions with two or more unlabelled parameters", len(two), functions,
                      MOST_WITH_TWO_UNLABELLED, two)
    mistakes += share("functions with three or more unlabelled parameters", len(three), functions,
                      MOST_WITH_THREE_UNLABELLED, three)

    lines, wide, per_file = 0, 0, {}
    for path in product + sorted((root / "Tests").rglob("*.swift")):
        text = path.read_text().splitlines()
        over = sum(1 for line in text if len(line) > 100)
        lines, wide, per_file[path] = lines + len(text), wide + over, over
        if len(text) > LONGEST_FILE and path.name not in LONGER_FILES:
            mistakes.append(f"{path.relative_to(root)}: {len(text)} lines, the limit is {LONGEST_FILE}")
        if path.relative_to(root).parts[0] == "Tests" and FOREIGN_PROCESS.search(code_of("\n".join(text))):
            mistakes.append(f"{path.relative_to(root)}: a test starts programs with ChildProcess, not with Process")
    widest = sorted(per_file, key=per_file.get, reverse=True)[:10]
    mistakes += share("lines over 100 columns", wide, lines, MOST_LINES_OVER_100_COLUMNS,
                      [f"{path.relative_to(root)}: {per_file[path]}" for path in widest])

    for path in product:
        target = target_of(path.relative_to(root))
        if target not in LAYERS:
            mistakes.append(f"{path.relative_to(root)}: the target {target} is not among the layers of {__file__}")
            continue
        for line in path.read_text().splitlines():
            match = IMPORT.match(line)
            if match and match[1] in LAYERS and match[1] not in LAYERS[target]:
                mistakes.append(f"{path.relative_to(root)}: {target} must not import {match[1]}")

    naming = [f"{path.relative_to(root)}:{number}: {line.strip()}"
              for path in product if not path.relative_to(root).parts[1].startswith("module-")
              for number, line in enumerate(path.read_text().splitlines(), 1) if APPLICATION.search(line)]
    if len(naming) > MOST_LINES_NAMING_AN_APPLICATION:
        listed = "".join(f"\n    {line}" for line in naming)
        mistakes.append(f"lines outside steps/module-* that name an application: {len(naming)}, "
                        f"the limit is {MOST_LINES_NAMING_AN_APPLICATION}{listed}")

    log = subprocess.run(["git", "-C", root, "log", f"-{SUBJECTS}", "--format=%s"], capture_output=True, text=True)
    if log.returncode != 0:
        print(f"commit subjects are not checked: {log.stderr.strip()}", file=sys.stderr)
    subjects = log.stdout.splitlines()
    mistakes += [f"commit subject of {len(s)} characters, the limit is {LONGEST_SUBJECT}: {s}"
                 for s in subjects if len(s) > LONGEST_SUBJECT]

    if "--counts" in sys.argv:
        print(json.dumps({"functions": functions, "two": len(two), "three": len(three), "lines": lines, "wide": wide}))
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
