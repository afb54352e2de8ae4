"""What the figures must be."""

from dataclasses import dataclass

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


def judge(reads, many, idle, doctor):
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
            at_least("10 hosts × 20 commands: at least 8× faster than pyinfra", of["pyinfra"] / runner, 8),
            at_least("10 hosts × 20 commands: at least 100× faster than Ansible with pipelining",
                     of["Ansible, pipelining"] / runner, 100),
        ]
    if idle:
        targets += [
            at_most("a run with nothing to do: at most 12 remote commands", idle["commands"], 12),
            below("a run with nothing to do: under 2.5 s", idle["seconds"], 2.5, " s"),
            below("a run with nothing to do: under 60 MB at its peak", idle["peak"] * 1.048576, 60, " MB"),
            Target("`runner doctor 11`: under 3 s", None, True) if doctor is None
            else below("`runner doctor 11`: under 3 s", sorted(doctor)[len(doctor) // 2], 3, " s"),
        ]
    return targets
