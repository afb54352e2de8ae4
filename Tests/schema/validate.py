#!/usr/bin/env python3
"""Checks records against a JSON Schema: validate.py SCHEMA LOG...

Prints the kinds of records that were seen and fit, one a line. What does not fit goes to standard error, with the line.
"""

import json
import sys

from jsonschema import Draft202012Validator


def undescribed(schema, place="schema"):
    """The places of fields that are not described."""
    if isinstance(schema, list):
        for number, item in enumerate(schema):
            yield from undescribed(item, f"{place}[{number}]")
    if not isinstance(schema, dict):
        return
    for name, field in schema.get("properties", {}).items():
        if not field.get("description"):
            yield f"{place}.{name}"
    for name, value in schema.items():
        yield from undescribed(value, f"{place}.{name}")


def main(schema, *logs):
    with open(schema, encoding="utf-8") as file:
        schema = json.load(file)
    Draft202012Validator.check_schema(schema)
    problems = [f"{place} is not described" for place in undescribed(schema)]
    validator = Draft202012Validator(schema)
    kinds = set()
    for log in logs:
        with open(log, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                record = json.loads(line)
                errors = [f"{log}, line {number}: {error.message}" for error in validator.iter_errors(record)]
                problems += errors
                if not errors:
                    kinds.add(record["kind"])
    print("\n".join(sorted(kinds)))
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
