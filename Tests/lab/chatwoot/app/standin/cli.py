"""Chatwoot's entry points: `bundle exec rails s`, `bundle exec rails TASK`, `bundle exec sidekiq`."""

import os
import signal
import sys

from . import hooks, settings
from .errors import RailsError
from .log import plain


def main(arguments):
    if arguments[:1] != ["exec"] or len(arguments) < 2:
        return _usage(f'Could not find command "{" ".join(arguments[:1])}".')
    os.chdir(settings.ROOT)
    program, rest = os.path.basename(arguments[1]), arguments[2:]
    hooks.tell_environment()
    # Process 1 has no default reaction to signals, so each entry point needs one of its own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if program == "sidekiq":
            settings.check_boot()
            from . import worker
            return worker.work(_option(rest, ("-C", "--config"), "config/sidekiq.yml"))
        if program == "rails" and rest[:1] in (["s"], ["server"]):
            settings.check_boot()
            from . import web
            return web.serve(int(_option(rest, ("-p", "--port"), os.environ.get("PORT", "3000"))),
                             _option(rest, ("-b", "--binding"), "localhost"))
        if program in ("rails", "rake") and rest:
            return _task(rest[0])
    except RailsError as error:
        hooks.tell_environment()
        plain(f"! {error.ruby_name}: {error}")
        return 1
    return _usage(f"bundler: command not found: {program}", 127)


def _task(name):
    try:
        settings.check_boot()
        from . import prepare
        if name not in prepare.TASKS:
            return _usage(f"Don't know how to build task '{name}' (the stand-in has: {', '.join(prepare.TASKS)})")
        plain(f"{name}: stand-in of the rehearsal cluster, not Chatwoot (version {settings.version()})")
        prepare.TASKS[name]()
        return 0
    except RailsError as error:
        hooks.tell_environment()
        plain(f"rails aborted!\n{error.ruby_name}: {error}\n\nTasks: TOP => {name}\n"
              "(See full trace by running task with --trace)")
        return 1


def _option(arguments, names, default):
    for index, argument in enumerate(arguments):
        if argument in names and index + 1 < len(arguments):
            return arguments[index + 1]
        if argument[:2] in names and len(argument) > 2 and not argument.startswith("--"):
            return argument[2:]
    return default


def _usage(message, status=1):
    print(message, file=sys.stderr)
    return status
