"""How soon `runner resume` makes its first new change where every finished step is in place."""

import json
import os
import signal
import subprocess
import time
from datetime import datetime

from idle_run import RUNNER
from reads import KUBECONFIG, MASTER
from timing import Wrong, run, say

# The last step that changes something, and the one before it.
BEFORE, LEFT = "11_ct_04_run_migrations", "11_ct_02_deploy_chatwoot"


def measure(folder, rounds, lab):
    """Seconds from the start of `runner resume` to the time that the record of its first new change tells."""
    say("  bringing everything in place")
    run([RUNNER, "run", "11"]).require_success()
    seconds = []
    for number in range(rounds + 1):
        say("  a run that is killed before its last change, and resumed")
        # Of the first round comes what the others find in the system's memory.
        seconds.append(resume(folder / f"resumed-{number}", lab))
    return seconds[1:]


def resume(state, lab):
    unsettle(lab)
    cut_off(state)
    # What it had sent may still be at work there.
    time.sleep(2)
    unsettle(lab)
    began = time.time()
    done = run([RUNNER, "resume", "--state-dir", state]).require_success()
    records = [json.loads(line) for log in state.glob("runs/2*/audit.jsonl") for line in log.open()]
    resumed = [place for place, record in enumerate(records) if record["kind"] == "run.resume"]
    if len(resumed) != 1:
        raise Wrong(f"{state} was resumed {len(resumed)} times")
    new = records[resumed[0]:]
    redone = [record for record in new if is_change(record) and record["step"] != LEFT]
    change = next((record for record in new if is_change(record)), None)
    if change is None or redone:
        raise Wrong(f"`runner resume` was to find all but {LEFT} in place, and to change that")
    seconds = datetime.fromisoformat(change["time"]).timestamp() - began
    if not 0 <= seconds <= done.seconds + 0.001:
        raise Wrong(f"the first change of {state} is of another time")
    return seconds


def is_change(record):
    """Whether a step changes something; the Lease and what keeps the record's head elsewhere are no part of one."""
    command = record.get("command", {})
    return (record["kind"] == "command.start" and command["effect"] == "change" and "step" in record
            and not any(word in command.get("purpose", "") for word in ["Lease", "audit log's head"]))


def unsettle(lab):
    """Gives the step that is left something to do, which no pod has to start for: the cluster shares the processors."""
    annotation = "nginx.ingress.kubernetes.io/proxy-body-size=1m"
    run([lab, "shell", MASTER.name, "bash"], text=f"kubectl --kubeconfig {KUBECONFIG} --namespace chatwoot annotate "
        f"--overwrite ingress --all {annotation}\n").require_success()


def cut_off(state):
    """A run that is killed as soon as all steps before the one that is left have their checkpoints."""
    process = subprocess.Popen(
        [RUNNER, "run", "11", "--state-dir", state], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        until = time.monotonic() + 120
        while not any(state.glob(f"runs/*/checkpoints/{BEFORE}.json")):
            if process.poll() is not None or time.monotonic() > until:
                raise Wrong(f"a run that was to be killed after {BEFORE} did not get there")
            time.sleep(0.002)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if any(state.glob(f"runs/*/checkpoints/{LEFT}.json")):
        raise Wrong("a run was through before it was killed")
