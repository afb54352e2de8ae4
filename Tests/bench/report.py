"""The figures as a table: on the terminal, and in docs/performance.md between two marks; the rest of that page is written by hand."""

from pathlib import Path
from statistics import median

from reads import AT_ONCE, at_once
from targets import speed

PAGE = Path(__file__).resolve().parents[2] / "docs/performance.md"
RUNNER = "runner's SSH layer"
BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"


def table(head, rows):
    rows = [head] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def ways_table(ways):
    base = next(way.median for way in ways if way.name == RUNNER)
    return table(
        ["way", "median", "fastest … slowest", "of runner's", "rounds", "what it includes"],
        [[way.name, f"{way.median:.3f} s", f"{min(way.seconds):.3f} … {max(way.seconds):.3f}", f"{way.median / base:.2f}×",
          len(way.seconds), way.includes] for way in ways])


def figures(facts, busy, targets, reads, many, idle, doctor, fan, written):
    parts = [f"Taken {facts.pop('date')} with `make bench`, {facts.pop('source')}."]
    if busy > 0.25:
        parts.append(f"**The machine was busy with other work: {busy:.0%} of its processors' time before the start.**")
    else:
        parts.append(f"Before the start, the cluster and whatever else runs here used {busy:.0%} of the processors' time.")
    parts.append(table(["", ""], facts.items()))
    parts += ["## Targets", table(["target", "figure", ""], [[t.what, t.figure or "-", t.verdict] for t in targets])]
    if reads:
        parts += ["## 20 kubectl reads on one master", ways_table(reads), share_of_kubectl(reads)]
    if many:
        parts += ["## 10 hosts × 20 trivial commands", ways_table(many)]
    if fan:
        parts += ["## Hundreds of hosts, one command each"] + fan_out_tables(fan)
    if idle:
        low, high = min(idle["spread"]), max(idle["spread"])
        parts += ["## A run with nothing to do", table(["", "", ""], [
            ["wall time, median", f"{idle['seconds']:.2f} s", f"{low:.2f} … {high:.2f} s; the whole process"],
            ["remote commands", idle["commands"], "in the hosts' shells, kubectl among them, from `runner logs`"],
            ["statements", idle["statements"], "to PostgreSQL and Redis, from `runner logs`"],
            ["peak memory", f"{idle['peak'] * 1.048576:.1f} MB", "greatest resident set, as the kernel reports it"],
            ["the record", f"{idle['record']['share']:.1%}",
             f"of the run: {idle['record']['syncs']} fsync and fdatasync, and what composing, chaining and writing a record "
             "takes, for each of them"],
            ["`runner resume`", f"{median(idle['resumed']):.2f} s",
             f"{min(idle['resumed']):.2f} … {max(idle['resumed']):.2f}; of a run that was killed before its last change, from "
             "the start of the process to the time that the record of that change tells"],
            ["`runner doctor 11`", "not there" if doctor is None else f"{sorted(doctor)[len(doctor) // 2]:.2f} s",
             "median, the whole process"]])]
    if written:
        parts += ["## The record", record_table(written)]
    return "\n\n".join(parts)


def record_table(written):
    log = written["log"]
    rows = [
        ["a durable record", f"{written['durable'] * 1000:.3f} ms",
         f"median of {written['records']}: composed, chained, written, on the disk (fdatasync)"],
        ["any other record", f"{written['written'] * 1000:.3f} ms", "the same without the disk"],
        ["`audit verify`, one run", f"{speed(log):.0f} MB/s",
         f"a log of {log['bytes'] / 1e9:.2f} GB in {median(log['seconds']):.2f} s, peak {log['peak'] * 1.048576:.0f} MB; "
         "its transcript is read too and does not count"]]
    for count, figures in written["runs"].items():
        seconds = median(figures["seconds"])
        rows.append([f"`audit verify`, {int(count):,} runs", f"{seconds:.2f} s",
                     f"{seconds / int(count) * 1000:.3f} ms for each, with nine records; peak {figures['peak'] * 1.048576:.0f} MB"])
    rows.append(["`runner status`", f"{median(written['status']) * 1000:.0f} ms", f"with {int(count):,} runs; the whole process"])
    for beside, seconds in written["start"].items():
        rows.append([f"start, {int(beside):,} runs beside it", f"{median(seconds) * 1000:.0f} ms",
                     f"{min(seconds) * 1000:.0f} … {max(seconds) * 1000:.0f}; from the start of the process to the time that its "
                     "first record tells"])
    return table(["", "", ""], rows)


def fan_out_tables(fan):
    """A table for each login shell: medians of whole processes, and what the largest number of hosts took of this machine."""
    parts = []
    for shell, sizes in fan.items():
        most = list(sizes)[-1]
        head = ["way", *(f"{size} hosts" for size in sizes), f"processor time a host, of {most}", f"peak, {most}",
                "what it includes"]
        rows = []
        for place, way in enumerate(sizes[most]["ways"]):
            rows.append([
                way["name"], *(f"{median(figures['ways'][place]['seconds']):.2f} s" for figures in sizes.values()),
                f"{median(way['cpu']) * 1000:.1f} ms", f"{way['peak'] * 1.048576:.0f} MB", way["includes"]])
        rounds = len(sizes[most]["ways"][0]["seconds"])
        all_open = sizes[most]["allOpen"] * 1.048576
        parts += [
            f"With a {shell} login shell, {rounds} rounds:", table(head, rows),
            f"With all {most} sessions open at the same time, the runner's peak is {all_open:.1f} MB."]
    return parts


def share_of_kubectl(reads):
    """How much of the reads' time no way to the host can save."""
    of = {way.name: way.median for way in reads}
    kubectl, master = of["on the master itself, no SSH"], of["ssh, ControlMaster"]
    together = of["runner's cluster reader"]
    at_once_there, at_once_here = of[at_once("ssh, ControlMaster")], of[at_once(RUNNER)]
    return (
        f"One after the other, kubectl as anybody starts it takes {kubectl:.3f} s: a way that took no time at all would be "
        f"{master / kubectl:.2f}× faster than ControlMaster. The runner has it collect less garbage, which is part of its "
        f"figures. {AT_ONCE} at once on both sides, the runner is {at_once_there / at_once_here:.2f}× faster. The runner reads "
        f"objects together where it can: the cluster reader is {master / together:.1f}× faster than "
        "ControlMaster with the same objects as its result.")


def write(text):
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
