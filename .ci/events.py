"""What becomes of the events of the whole corpus: Sentry's ingest, the SDKs' events, planted secrets, faults.

    events.py ERRTAIL PYTHON SHARED

PYTHON has sentry_relay. Prints one line a floor; exit status 1 when one does not hold.
"""
import csv
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ERRTAIL, PYTHON, SHARED = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2], pathlib.Path(sys.argv[3]).resolve()
HARNESS = SHARED / "harness"
FAMILIES = ["laravel", "dotnet", "node"]
# An error that Node's own module loader throws stands behind its entry frames: the order is right, the check is a guess.
LOADER = 1
# Remarks that the SDKs' own events of the same errors draw, too, each with how often at most:
REMARKS = {
    # What a library threw and only libraries called: causes, aborted requests, errors whose log holds no trace.
    r"W exception\.values\.\d+: no in-app frame": 411,
    # Deaths without a trace, and causes that were never thrown.
    r"W exception\.values\.\d+\.stacktrace: missing": 60,
    # Exceptions without a message.
    r"W exception\.values\.\d+\.value: missing": 3,
    # A word like `authentication` in what is no secret: the server takes out the whole text for it.
    r"S (breadcrumbs|extra|exception\.values\.\d+\.mechanism\.data)\.": 48,
}
# Pairs of log and SDK event: percent of all fields, and of pairs that fall into the same group. Of .NET's, two have
# methods in their group that the runtime's text hides or does not number.
PAIRS = {"php": (99, 100), "node": (99, 100), "dotnet": (98, 92)}
# Each fault between answers that are fine, so that pauses stay short.
PLAN = [
    {"do": "ok", "n": 9}, {"do": "status", "status": 429, "n": 1, "headers": {"Retry-After": "1"}},
    {"do": "ok", "n": 9}, {"do": "status", "status": 429, "n": 1, "headers": {"X-Sentry-Rate-Limits": "2:error:key"}},
    {"do": "ok", "n": 9}, {"do": "status", "status": 503, "n": 1}, {"do": "ok", "n": 9}, {"do": "drop", "n": 1},
    {"do": "ok", "n": 9}, {"do": "lost_ack", "n": 3}, {"do": "ok", "n": 9}, {"do": "reset", "n": 1},
    {"do": "ok", "n": 9}, {"do": "hang", "hold": 3, "n": 1}, {"do": "ok", "n": 9}, {"do": "slow", "hold": 1, "n": 1},
    {"do": "ok", "n": 9}, {"do": "status", "status": 413, "n": 1}, {"do": "ok", "n": 9}, {"do": "refuse", "hold": 2},
    {"do": "status", "status": 400, "n": 1},
]
# Of this pair the SDK reads a line of the message as a frame.
OUT_OF_REACH = "multiline"
# Sources that are newer than their log are not believed.
OLD = 1600000000
failed = []


def floor(what, holds, said):
    print(f"{'ok  ' if holds else 'FAIL'} {what}: {said}")
    if not holds:
        failed.append(what)


def logs(family):
    return sorted(map(str, (SHARED / "corpus" / family).glob("*.log")))


def run(*command, **environment):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env={**os.environ, **environment})
    return done


def ingest(folder):
    """Sentry's own normaliser objects to no event and trims none."""
    errors, trimmed, events, clean, remarks = [], 0, 0, 0, []
    for family in FAMILIES:
        out = folder / f"{family}.jsonl"
        out.write_text(run(ERRTAIL, "parse", "--sent", "--output", "sentry", *logs(family), SENTRY_RELEASE="app@1").stdout)
        said = run(PYTHON, HARNESS / "relay_check.py", out).stdout
        errors += re.findall(r"^  E (.*)", said, re.M)
        trimmed += len(re.findall(r"^  T ", said, re.M))
        remarks += re.findall(r"^  ([WS] .*)", said, re.M)
        last = re.search(r"(\d+) events, (\d+) clean", said)
        events, clean = events + int(last[1]), clean + int(last[2])
    reversed_ = [error for error in errors if "frames look reversed" in error]
    floor("ingest", len(errors) == len(reversed_) <= LOADER and not trimmed,
          f"{events} events, {clean} without a remark, {len(errors)} errors, {trimmed} trimmed")
    over = {kind: count for kind in REMARKS if (count := sum(bool(re.match(kind, remark)) for remark in remarks)) > REMARKS[kind]}
    others = [remark for remark in remarks if not any(re.match(kind, remark) for kind in REMARKS)]
    floor("remarks", not over and not others, f"{len(remarks)} of the SDKs' kinds, {len(others)} others {others[:3] or ''} {over or ''}")


def pairs(folder):
    """The events are the SDKs'."""
    sources = folder / "sources"
    shutil.copytree(HARNESS / "pairs" / "sources", sources)
    for path in [sources, *sources.rglob("*")]:
        os.chmod(path, 0o755 if path.is_dir() else 0o644)
        os.utime(path, (OLD, OLD))
    roots = {"php": ("/var/www/html", "php", "/var/www/html"), "node": ("/srv/app", "node", "/srv/app/app"),
             "dotnet": ("/srv/app", "dotnet", None)}
    for platform, (prefix, source, root) in roots.items():
        made = folder / platform
        made.mkdir()
        config = made / "errtail.toml"
        config.write_text((f'project_root = "{root}"\n' if root else "") + f'[source_roots]\n"{prefix}" = "{sources / source}"\n')
        for log in (HARNESS / "pairs" / platform).glob("*.log"):
            if not log.name.endswith(".plain.log") and log.stem != OUT_OF_REACH:
                lines = run(ERRTAIL, "parse", "--output", "sentry", "--config", config, log).stdout.splitlines()
                (made / f"{log.stem}.json").write_text(json.dumps([json.loads(line) for line in lines] or [{}]))
        only = ",".join(sorted(path.stem for path in made.glob("*.json")))
        said = run(PYTHON, HARNESS / "pair_score.py", HARNESS / "pairs" / platform, made, "--only", only).stdout
        score = float((re.search(r"overall ([\d.]+)%", said) or [0, 0])[1])
        # Without source lines for .NET: Sentry does not group it by them.
        name = "group\\*" if platform == "dotnet" else "group"
        same = float((re.search(rf"^{name}\s+([\d.]+)%", said, re.M) or [0, 0])[1])
        fields, group = PAIRS[platform]
        floor(f"pairs {platform}", score >= fields and same >= group, f"{score} % of fields, {same} % in the same group")


def delivery(folder):
    """Nothing is lost, nothing has two ids, and no planted secret gets out, whatever the receiver does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    out, plan, config = folder / "events.ndjson", folder / "plan.json", folder / "errtail.toml"
    plan.write_text(json.dumps(PLAN))
    config.write_text("[policy]\nsend_handled = true\n[delivery]\ntimeout_seconds = 2\n")
    server = subprocess.Popen([PYTHON, HARNESS / "fake_sentry.py", "serve", "--port", str(port), "--out", out, "--schedule", plan],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port + 1)) == 0:
                    break
            time.sleep(0.1)
        state = folder / "state"
        command = [ERRTAIL, "run", "--once", "--config", config, "--state-dir", state, *map(str, (SHARED / "corpus" / f for f in FAMILIES))]
        dsn = f"http://0123456789abcdef0123456789abcdef@127.0.0.1:{port}/1"
        runs = [run(*command, SENTRY_DSN=dsn)]
        run(ERRTAIL, "status", "--retry-failed", "--state-dir", state)
        runs.append(run(*command, SENTRY_DSN=dsn))
        status = json.loads(run(ERRTAIL, "status", "--output", "json", "--state-dir", state).stdout)
        issues = run(ERRTAIL, "issues", "--output", "json", "--state-dir", state).stdout
        stats = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port + 1}/stats"))
    finally:
        server.terminate()
        server.wait(10)
    records = [json.loads(line) for line in out.read_text().splitlines() if line.strip()]
    came = {record["event_id"]: record["event"] for record in records if "event" in record}
    # What was too large and was shrunk has no place left.
    extras = [event["extra"] for event in came.values() if "extra" in event]
    places = [(extra["log.path"], extra["log.offset"]) for extra in extras]
    sent = sum(to["sent"] for to in status["destinations"])
    waiting = status["outbox"]["events"] + status["outbox"]["failed"]
    floor("faults", came and waiting == 0 and sent == len(came) and len(set(places)) == len(places),
          f"{len(came)} events, {sent} settled, {waiting} left, {len(places) - len(set(places))} under two ids, answers {stats.get('answers')}")
    told = [("the wire", out.read_bytes()), ("the issues", issues.encode())]
    told += [("the screen", (done.stdout + done.stderr).encode()) for done in runs]
    told += [(path.name, path.read_bytes()) for path in state.iterdir()]
    rows = list(csv.DictReader(open(SHARED / "corpus" / "secrets.tsv"), delimiter="\t"))
    leaks = {(row["fake_secret"], where) for row in rows for where, text in told if row["fake_secret"].encode() in text}
    floor("secrets", not leaks and rows, f"{len(rows)} planted, {len(leaks)} got out {sorted(leaks)[:3] or ''}")


with tempfile.TemporaryDirectory() as temporary:
    ingest(pathlib.Path(temporary))
    pairs(pathlib.Path(temporary))
    delivery(pathlib.Path(temporary))
sys.exit(1 if failed else 0)
