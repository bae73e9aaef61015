"""Real receivers judge what errtail sends: Bugsink stores it, Sentry's normaliser finds nothing to object to.

    receivers.py ERRTAIL VENV [LOG...]

Starts a Bugsink of its own in a temporary directory, runs `errtail run --once` with its DSN, and reads back through
Bugsink's interface which issues and events it stored. Prints one line a check and `N passed, N failed`.
"""
import contextlib
import datetime
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from sentry_relay.processing import StoreNormalizer, VALID_PLATFORMS

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETTINGS = """
DATABASES["default"]["NAME"] = "{folder}/bugsink.sqlite3"
DATABASES["snappea"]["NAME"] = "{folder}/snappea.sqlite3"
BUGSINK["INGEST_STORE_BASE_DIR"] = "{folder}/ingest"
BUGSINK["PHONEHOME"] = False
BUGSINK["MAX_EVENTS_PER_PROJECT_PER_5_MINUTES"] = 100000
BUGSINK["MAX_EVENTS_PER_PROJECT_PER_HOUR"] = 100000
ALLOWED_HOSTS = ["127.0.0.1"]
"""
DATES = [
    (rb"20[12]\d-[01]\d-[0-3]\d(?=[T _]\d\d:)", "%Y-%m-%d"),
    (rb"20[12]\d/[01]?\d/[0-3]?\d(?= (?:\d\d:|[^ -~]))", "%Y/%m/%d"),
    (rb"\b2\d-[01]?\d-[0-3]?\d(?= \d\d:\d\d:\d\d\.\d\|)", "%y-%m-%d"),
    (rb"[0-3]\d-[A-Z][a-z]{2}-20[12]\d(?= \d\d:)", "%d-%b-%Y"),
    (rb"[0-3]\d/[A-Z][a-z]{2}/20[12]\d(?=:\d\d:)", "%d/%b/%Y"),
    (rb"[0-3]\d\.[01]\d\.20[12]\d(?= \d\d:)", "%d.%m.%Y"),
    (rb"[01]?\d/[0-3]?\d/20[12]\d(?=,? \d{1,2}:)", "%m/%d/%Y"),
    (rb"[A-Z][a-z]{2,8} [0-3]?\d, 20[12]\d(?= \d\d:)", "%B %d, %Y"),
]
PROJECT = """
from bsmain.models import AuthToken
from projects.models import Project, ProjectMembership, ProjectRole
from teams.models import Team
from users.models import User
owner = User.objects.create_superuser("owner@example.com", "owner@example.com", "owner")
project = Project.objects.create(name="application", team=Team.objects.create(name="team"))
ProjectMembership.objects.create(project=project, user=owner, role=ProjectRole.ADMIN, accepted=True)
token = AuthToken.objects.create(description="errtail's tests")
for right in ("issues_read", "events_read", "projects_read"):
    if hasattr(token, right):
        setattr(token, right, True)
token.save()
open("dsn", "w").write(project.dsn)
open("token", "w").write(token.token)
"""


def recent(logs, folder):
    """Copies of the logs, dated yesterday: Sentry takes nothing older than 30 days, and nothing from the future."""
    day = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
    millis = int(day.replace(hour=8, minute=0, second=0, microsecond=0).timestamp() * 1000)
    copies = []
    for number, log in enumerate(logs):
        text = pathlib.Path(log).read_bytes()
        for form, strftime in DATES:
            text = re.sub(form, day.strftime(strftime).encode(), text)
        # Whole seconds and milliseconds since 1970 in JSON; the last digits stay, so that what is apart stays so.
        text = re.sub(rb'(?<=[":])1[6-9]\d{8}(?=\d{3}[,}"])', str(millis // 1000).encode(), text)
        copy = pathlib.Path(folder) / "logs" / str(number) / pathlib.Path(log).name
        copy.parent.mkdir(parents=True)
        copy.write_bytes(text)
        copies.append(copy)
    return copies


class Bugsink:
    """A running Bugsink with one project."""

    def __init__(self, venv, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = pathlib.Path(folder)
        tools = pathlib.Path(venv) / "bin"
        self.call(tools / "bugsink-create-conf", "--template=local", "--port", self.port, "--host", "127.0.0.1")
        with open(self.folder / "bugsink_conf.py", "a") as settings:
            settings.write(SETTINGS.format(folder=folder))
        (self.folder / "ingest").mkdir(exist_ok=True)
        self.call(tools / "bugsink-manage", "migrate", "-v0")
        self.call(tools / "bugsink-manage", "shell", "-c", PROJECT)
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "bugsink_conf"}
        self.server = subprocess.Popen(
            [tools / "gunicorn", "--bind", f"127.0.0.1:{self.port}", "--threads", "4", "bugsink.wsgi"],
            cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.dsn = (self.folder / "dsn").read_text()
        self.token = (self.folder / "token").read_text()
        for _ in range(120):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/ready", timeout=5)
                return
            time.sleep(0.25)
        raise SystemExit("Bugsink did not start")

    def call(self, *command):
        done = subprocess.run(list(map(str, command)), cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{command[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")

    def get(self, path):
        """All pages of one list, or the object itself."""
        url, rows = f"http://127.0.0.1:{self.port}/api/canonical/0/{path}", []
        while url:
            request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self.token}"})
            page = json.load(urllib.request.urlopen(request, timeout=30))
            if "results" not in page:
                return page
            rows += page["results"]
            url = page["next"]
        return rows

    def issues(self):
        project = re.search(r"/(\d+)$", self.dsn).group(1)
        return self.get(f"issues/?project={project}")

    def events(self, issue):
        return [self.get(f"events/{event['id']}/") for event in self.get(f"events/?issue={issue['id']}")]

    def stop(self):
        self.server.send_signal(signal.SIGTERM)
        self.server.wait(20)


class Tally:
    """Counts checks and says each."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, good, details=""):
        self.passed += bool(good)
        self.failed += not good
        print(f"{'ok  ' if good else 'FAIL'} {name}" + (f": {details}" if details and not good else ""))


def run(errtail, *arguments, **environment):
    done = subprocess.run([errtail, *map(str, arguments)], capture_output=True, text=True,
                          env={**os.environ, **environment})
    if done.returncode:
        raise SystemExit(f"errtail {arguments[0]}: exit status {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def objections(event):
    """What Sentry's ingest changes in an event or reports of it."""
    normalizer = StoreNormalizer(
        project_id=1, key_id="1", protocol_version="7", client="errtail", valid_platforms=sorted(VALID_PLATFORMS),
        max_secs_in_future=60, max_secs_in_past=30 * 86400, enable_trimming=True, is_renormalize=False, remove_other=True)
    normal = normalizer.normalize_event(dict(event))
    found = []

    def walk(meta, path):
        for key, value in (meta or {}).items():
            # `parse` prints events of old logs too; `run` keeps those that are too old.
            if key == "" and "past_timestamp" not in json.dumps(value):
                found.append(f"{path}: {json.dumps(value)[:200]}")
            elif key and isinstance(value, dict):
                walk(value, f"{path}.{key}" if path else key)
    walk(normal.get("_meta"), "")
    return found


def innermost(values):
    """The throwing frame of the outermost exception: the last of the last."""
    frames = (values[-1].get("stacktrace") or {}).get("frames") or [{}]
    return frames[-1].get("function"), frames[-1].get("lineno"), len(frames)


def check_bugsink(errtail, bugsink, folder, logs, tally):
    state = pathlib.Path(folder) / "state"
    output = run(errtail, "run", "--once", "--from", "beginning", "--state-dir", state, *logs, SENTRY_DSN=bugsink.dsn)
    mine = json.loads(run(errtail, "issues", "--state-dir", state, "--output", "json"))
    sent = sum(issue["sent"] for issue in mine)
    tally.check("there are issues to send", sum(1 for issue in mine if issue["sent"]) > 10, output[-500:])
    stored = bugsink.issues()
    events = [event for issue in stored for event in bugsink.events(issue)]
    tally.check("Bugsink stores each event that was sent", len(events) == sent, f"{len(events)} of {sent}")
    ids = {event["event_id"] for event in events}
    tally.check("each has an id of its own", len(ids) == len(events))
    types = {issue["calculated_type"] for issue in stored}
    short = {issue["type"] for issue in mine if issue["sent"]}
    tally.check("its issues are of the same types", types == short, f"{sorted(types ^ short)[:5]}")
    again = run(errtail, "run", "--once", "--from", "beginning", "--state-dir", state, *logs, SENTRY_DSN=bugsink.dsn)
    count = sum(len(bugsink.events(issue)) for issue in bugsink.issues())
    tally.check("a second run sends nothing", count == len(events), f"{count - len(events)} more; {again[-300:]}")
    return {event["event_id"].replace("-", ""): event for event in events}


def check_events(errtail, logs, stored, tally):
    lines = run(errtail, "parse", "--output", "sentry", *logs).splitlines()
    events = [json.loads(line) for line in lines]
    tally.check("parse prints events", len(events) > 10, str(len(events)))
    bad = [(event["event_id"], found) for event in events if (found := objections(event))]
    tally.check("Sentry's normaliser objects to none", not bad, f"{len(bad)} of {len(events)}: {bad[:3]}")
    known = [event for event in events if event["event_id"] in stored]
    tally.check("they are the events that run sent", len(known) == len(stored), f"{len(known)} of {len(stored)}")
    wrong = [
        event["event_id"] for event in known
        if innermost(event["exception"]["values"]) != innermost(stored[event["event_id"]]["data"]["exception"]["values"])]
    tally.check("Bugsink has the frames in the right order", known and not wrong, str(wrong[:3]))


def main():
    errtail, venv, *logs = sys.argv[1:]
    logs = logs or [*sorted((ROOT / "parsers/samples").rglob("*.log")), *sorted((ROOT / "examples/logs").rglob("*.log"))]
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        bugsink = Bugsink(venv, folder)
        logs = recent(logs, folder)
        try:
            stored = check_bugsink(errtail, bugsink, folder, logs, tally)
            check_events(errtail, logs, stored, tally)
        finally:
            bugsink.stop()
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
