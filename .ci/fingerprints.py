"""Holds errtail's fingerprints against the inputs of Sentry's default grouping, pair by pair.

    fingerprints.py ERRTAIL PAIR_SCORE_FOLDER MIN_PERCENT LOG...

Of each two events of the logs: do both say "the same issue"? Prints the share of the pairs that either calls the same on
which both agree, and the largest disagreements; exit status 1 below MIN_PERCENT.
"""
import collections
import json
import subprocess
import sys

errtail, folder, least, *logs = sys.argv[1:]
sys.path.insert(0, folder)
from pair_score import group_key  # noqa: E402


def output(form):
    done = subprocess.run([errtail, "parse", "--output", form, *logs], capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


# Another print of an occurrence has no event.
records = [record for record in output("jsonl") if record["verdict"]["action"] != "duplicate"]
events = output("sentry")
if len(records) != len(events):
    raise SystemExit(f"{len(records)} records, but {len(events)} events")
place = lambda record, event: (record["source"]["path"], record["source"]["offset"]) == (event["extra"]["log.path"], event["extra"]["log.offset"])
if not all(map(place, records, events)):
    raise SystemExit("records and events are not in the same order")

pairs = lambda count: count * (count - 1) // 2
together = collections.Counter((record["fingerprint"], group_key(event)) for record, event in zip(records, events))
ours, theirs = collections.Counter(), collections.Counter()
for (one, other), count in together.items():
    ours[one] += count
    theirs[other] += count
both = sum(map(pairs, together.values()))
either = sum(map(pairs, ours.values())) + sum(map(pairs, theirs.values())) - both
agreed = 100 * both / max(either, 1)
print(f"{len(events)} events: {len(ours)} fingerprints, {len(theirs)} of Sentry's groups; the same pairs: {agreed:.2f} %")


def show(what, side, parts):
    for key, count in side.most_common():
        within = {pair: n for pair, n in together.items() if pair[parts] == key}
        if len(within) > 1:
            example = [next(f"{r['source']['path']}:{r['source']['first_line']} {r['exceptions'][0]['type']}" for r, e in zip(records, events)
                            if (r["fingerprint"], group_key(e)) == pair) for pair in list(within)[:3]]
            print(f"   {what} ({sorted(within.values(), reverse=True)[:6]}): {example}")


if agreed < float(least):
    show("one fingerprint, several groups", ours, 0)
    show("one group, several fingerprints", theirs, 1)
sys.exit(agreed < float(least))
