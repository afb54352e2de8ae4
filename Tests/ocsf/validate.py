#!/usr/bin/env python3
"""Checks events, one JSON object a line, against the published schema of OCSF: validate.py EVENTS...

Prints how many events of each class fit. What does not fit goes to standard error, with the line. Deprecated attributes do not
fit either.
"""

import functools
import json
import sys
from collections import Counter

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema


@functools.cache
def schema(version):
    return OcsfJsonSchemaEmbedded(get_ocsf_schema(version))


@functools.cache
def validator(version, kind, profiles):
    name = schema(version).lookup_class_name_from_uid(kind)
    return name, Draft202012Validator(schema(version).get_class_schema(name, list(profiles)))


def deprecated(found, value, root, place=""):
    """The places of attributes that the schema keeps for old events only."""
    found = root["$defs"][found["$ref"].rsplit("/", 1)[1]] if "$ref" in found else found
    if isinstance(value, list):
        for item in value:
            yield from deprecated(found.get("items", {}), item, root, place)
    if isinstance(value, dict):
        for name, member in value.items():
            property = found.get("properties", {}).get(name, {})
            if property.get("deprecated"):
                yield f"{place}.{name} is deprecated"
            yield from deprecated(property, member, root, f"{place}.{name}")


def problems(event):
    """The class, and what is wrong with the event; where that begins is said before it."""
    metadata = event["metadata"]
    name, judge = validator(metadata["version"], event["class_uid"], tuple(metadata.get("profiles", [])))
    return name, [f"{error.json_path}: {error.message[:300]}" for error in judge.iter_errors(event)] + [
        f"${place}" for place in deprecated(judge.schema, event, judge.schema)]


def main(*files):
    seen, wrong = Counter(), []
    for path in files:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    name, found = problems(json.loads(line))
                except (KeyError, TypeError, ValueError) as error:
                    name, found = None, [f"no event of a known class and version: {error!r}"]
                wrong += [f"{path}, line {number}: {problem}" for problem in found]
                seen[name] += not found
    print("\n".join(f"{name} {count}" for name, count in sorted(seen.items(), key=str) if count))
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
