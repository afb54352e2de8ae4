"""What the figures must be."""

from dataclasses import dataclass
from statistics import median

from fan_out import IN_C, RUNNER
from reads import at_once


@dataclass
class Target:
    what: str
    # The figure in words, or None where there is none yet.
    figure: str | None
    is_met: bool

    @property
    def verdict(self):
        return "not there yet" if self.figure is None else "met" if self.is_met else "**not met**"


def at_most(what, value, limit, unit=""):
    return Target(what, f"{value:.{0 if isinstance(value, int) else 2}f}{unit}", value <= limit)


def below(what, value, limit, unit):
    return Target(what, f"{value:.2f}{unit}", value < limit)


def at_least(what, value, limit):
    return Target(what, f"{value:.2f}×", value >= limit)


def judge(reads, many, idle, doctor, fan, written):
    targets = []
    if reads:
        of = {way.name: way.median for way in reads}
        runner = of["runner's SSH layer"]
        targets += [
            at_most("20 kubectl reads: at most 1.3× of one `ssh host sh`", runner / of["one `ssh host sh`"], 1.3, "×"),
            at_least(
                "20 kubectl reads, as a run asks what is independent: at least 2× faster than ssh with ControlMaster",
                of["ssh, ControlMaster"] / of[at_once("runner's SSH layer")], 2),
        ]
    if many:
        of = {way.name: way.median for way in many}
        runner = of["runner's SSH layer"]
        targets += [
            at_least("10 hosts × 20 commands: at least 10× faster than pyinfra", of["pyinfra"] / runner, 10),
            at_least("10 hosts × 20 commands: at least 100× faster than Ansible with pipelining",
                     of["Ansible, pipelining"] / runner, 100),
        ]
    if idle:
        targets += [
            at_most("a run with nothing to do: at most 12 remote commands", idle["commands"], 12),
            below("a run with nothing to do: under 2.5 s", idle["seconds"], 2.5, " s"),
            below("a run with nothing to do: under 60 MB at its peak", idle["peak"] * 1.048576, 60, " MB"),
            below("a run with nothing to do: the record takes under 2 % of it", idle["record"]["share"] * 100, 2, " %"),
            below("`runner resume` until its first new change, every finished step in place: under 2 s",
                  median(idle["resumed"]), 2, " s"),
            Target("`runner doctor 11`: under 3 s", None, True) if doctor is None
            else below("`runner doctor 11`: under 3 s", sorted(doctor)[len(doctor) // 2], 3, " s"),
        ]
    return targets + (judge_fan_out(fan) if fan else []) + (judge_record(written) if written else [])


def judge_record(written):
    log, (few, many) = written["log"], written["runs"]
    each = {count: median(figures["seconds"]) / int(count) for count, figures in written["runs"].items()}
    return [
        below("a record that is on the disk: under 1 ms", written["durable"] * 1000, 1, " ms"),
        Target("verifying a log of 1 GB: at least 100 MB/s", f"{speed(log):.0f} MB/s", speed(log) >= 100),
        below("verifying a log of 1 GB: under 100 MB at its peak", log["peak"] * 1.048576, 100, " MB"),
        at_most(f"verifying {int(many):,} runs: at most 1.25× for each of them of what it takes with {int(few):,}",
                each[many] / each[few], 1.25, "×"),
        below(f"`runner status` with {int(many):,} runs: under 0.2 s", median(written["status"]), 0.2, " s"),
    ] + [below(f"`runner run 11` until its first record, with {int(beside):,} runs beside it: under 0.1 s",
               median(seconds), 0.1, " s") for beside, seconds in written["start"].items()]


def speed(log):
    """MB of the log in a second; its transcripts, which are read as well, do not count."""
    return log["bytes"] / 1e6 / median(log["seconds"])


def judge_fan_out(fan):
    """Each size and login shell counts on its own; the figure that is told is the worst of them."""
    sizes = [(by_name(figures["ways"]), int(size), figures) for sizes in fan.values() for size, figures in sizes.items()]
    targets = []
    for peer in ("asyncssh", "parallel-ssh", "pyinfra"):
        least = min(ways[peer]["seconds"] / ways[RUNNER]["seconds"] for ways, _, _ in sizes)
        targets.append(Target(f"hundreds of hosts: faster than {peer}", f"{least:.2f}×", least > 1))
    cpu = max(ways[RUNNER]["cpu"] / ways[IN_C]["cpu"] for ways, _, _ in sizes)
    most = max(size for _, size, _ in sizes)
    peak = max(figures["allOpen"] * 1.048576 for _, size, figures in sizes if size == most)
    return targets + [
        at_most("the client's processor time for each of them: at most 1.5× of C on libssh2", cpu, 1.5, "×"),
        below(f"sessions to {most} hosts at the same time: under 60 MB at its peak", peak, 60, " MB"),
    ]


def by_name(ways):
    """The medians of each way."""
    return {way["name"]: {"seconds": median(way["seconds"]), "cpu": median(way["cpu"])} for way in ways}
