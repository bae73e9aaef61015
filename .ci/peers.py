"""Holds errtail against what other parsers are tested with.

    peers.py SCORE ERRTAIL FLOORS

FLOORS has lines `LANGUAGE MEASURE=PERCENT …`. No text without an exception may give a record. Exit status 1 where one falls short.
"""
import re
import subprocess
import sys

score, errtail, floors = sys.argv[1:]
command = [score, "--cmd", f"{errtail} parse --output jsonl {{files}}", "--batch"]
text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
names, rows = [], {}
for line in text.splitlines():
    words = line.split()
    if words[:1] == ["language"]:
        names = words[2:]
    elif names and "/" in line and words[0] != "negatives:":
        numbers = re.findall(r"(\d+)/(\d+)", line)
        rows[words[0]] = {name: 100 * int(good) / max(int(all), 1) for name, (good, all) in zip(names, numbers)}
alarms = re.search(r"negatives: (\d+) texts, \d+ with a record \((\d+) records\)", text)
short = []
if not alarms or int(alarms.group(1)) < 30 or int(alarms.group(2)):
    short.append(f"false alarms: {alarms and alarms.group()}")
for line in open(floors):
    language, *wanted = line.split("#")[0].split() or [""]
    for name, least in (floor.split("=") for floor in wanted):
        if rows.get(language, {}).get(name, 0) < float(least):
            short.append(f"{language} {name}: {rows.get(language, {}).get(name, 0):.1f} %, not {least}")
print(alarms and alarms.group(), *short, sep="\n")
sys.exit(bool(short))
