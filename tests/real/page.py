"""The page in a real browser: what people see and click, and what a hostile log cannot do to it.

    page.py ERRTAIL CHROMIUM [--screenshots DIR]

Writes logs of a small shop and of an attacker, lets `errtail run --listen` read them, and looks at the page in headless
Chromium. Prints one line a check and `N passed, N failed`. With --screenshots, writes the pictures of docs/.
"""
import base64
import contextlib
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from chromium import Chromium
from receivers import Tally, run

NOW = datetime.datetime.now(datetime.timezone.utc)
EVIL = '<script>window.hacked = 1</script>"><img src=x onerror="window.hacked = 2"><svg onload=window.hacked=3>'
# Text that turns what follows it around, bytes of no text, and a terminal's commands.
ODD = "\u202egnp.exe\u2066 \x00\x1b[31mred\x07"
BACKSLASHES = "\\\\"
SOURCE = """<?php

namespace App\\Cart;

final class Total
{
    public function of(array $lines): int
    {
        $sum = 0;
        foreach ($lines as $line) {
            $sum += $line['price'] * $line['quantity'];
        }
        return intdiv($sum, count($lines));
    }
}
"""


def entry(hours_ago, kind, message, frames, user=None, text=None):
    """A record of Laravel's log."""
    time = (NOW - datetime.timedelta(hours=hours_ago)).strftime("%Y-%m-%d %H:%M:%S")
    inner = json.dumps(message)[1:-1].replace("\\u001b", "\x1b").replace("\\u0000", "\0")
    frames = [frame.replace('"', '\\"') for frame in frames]
    place = frames[0].split(" ")[0]
    trace = "".join(f"#{index} {frame}\n" for index, frame in enumerate(frames[1:]))
    who = f'"userId":{json.dumps(user)},' if user else ""
    return (f"[{time}] production.ERROR: {text or message} {{{who}\"exception\":\"[object] ({kind}(code: 0): {inner} at "
            f"{place})\n[stacktrace]\n{trace}#{len(frames) - 1} {{main}}\n\"}} \n")


def shop():
    """Six failures, of which each leads by another measure."""
    cart = ["/srv/shop/app/Cart/Total.php:13 {x}", "/srv/shop/app/Http/CartController.php(41): App\\\\Cart\\\\Total->of(Array)",
            "/srv/shop/vendor/laravel/framework/src/Illuminate/Routing/Controller.php(54): App\\\\Http\\\\CartController->show()"]
    other = lambda name, line: [f"/srv/shop/app/{name}.php:{line} x", f"/srv/shop/app/Http/Kernel.php({line}): App\\\\{name.replace('/', BACKSLASHES)}->run()"]
    data = ["/srv/shop/vendor/laravel/framework/src/Illuminate/Database/Connection.php:829 x",
            "/srv/shop/app/Orders/Ledger.php(77): Illuminate\\\\Database\\\\Connection->select('select * from o...')"]
    sql = "SQLSTATE[HY000] [2002] Connection refused (Connection: mysql, SQL: select * from `orders` where `id` = 7)"
    bank = "cURL error 28: Operation timed out after 10001 milliseconds for https://pay.example.net/v2/charges"
    log = [(30 + n / 40, "TypeError", "App\\Stock::take(): Argument #1 ($count) must be of type int, null given", other("Stock", 19), str(n % 2 + 1))
           for n in range(40)]
    log += [(18 - n / 2, "DivisionByZeroError", "Division by zero", cart, str(100 + n)) for n in range(14)]
    log += [(22 - n * 0.7 + n % 5 / 9, "Illuminate\\\\Database\\\\QueryException", sql, data, None) for n in range(31)]
    log += [(0.4, "ErrorException", "Undefined array key \"voucher\"", other("Checkout/Voucher", 52), "7")]
    log += [(ago, "GuzzleHttp\\\\Exception\\\\ConnectException", bank, other("Payment/Gateway", 88), "12") for ago in (120, 9, 5, 3, 0.01)]
    log.sort(key=lambda record: -record[0])
    return "".join(entry(*record) for record in log)


def attack():
    """What an attacker gets into a log: in a message, a place, a function, a user, and in the lines before."""
    frames = [f"/srv/shop/app/{EVIL.replace(' ', '_')}.php:3 x", f"/srv/shop/app/Report.php(8): App\\\\Report->{EVIL}({EVIL})"]
    return f"[{NOW:%Y-%m-%d %H:%M:%S}] production.INFO: {EVIL} {ODD}\n" + entry(2, "RuntimeException", EVIL + ODD, frames, EVIL)


def words(count):
    letters = "abcdefghij"
    return ["".join(letters[int(digit)].upper() if place == 0 else letters[int(digit)] for place, digit in enumerate(f"{n:05}"))
            for n in range(count)]


class Agent:
    """A running `errtail run --listen`."""

    def __init__(self, errtail, state, config, *arguments):
        command = [errtail, "run", "--state-dir", state, "--config", config, *arguments]
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.said = ""
        for line in self.process.stderr:
            self.said += line
            if found := re.search(r"http://[\d.]+:(\d+)/", re.sub(r"\x1b\[[\d;]*m", "", line)):
                self.url = f"http://127.0.0.1:{found.group(1)}"
                return
        raise SystemExit(f"errtail does not listen: {self.said}")

    def get(self, path, **headers):
        request = urllib.request.Request(self.url + path, headers=headers)
        with contextlib.suppress(urllib.error.HTTPError):
            return urllib.request.urlopen(request, timeout=30).read().decode()
        return ""

    def wait_for(self, path, text):
        for _ in range(600):
            if text in self.get(path):
                return
            time.sleep(0.1)
        raise SystemExit(f"{path} never says {text}")

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


TITLES = "[...document.querySelectorAll('.issue > a')].map(a => a.textContent)"


def check_board(page, agent, tally):
    page.open(agent.url)
    tally.check("the board lists each issue", len(page.see(TITLES)) == 6, page.see(TITLES))
    row = page.see("[...document.querySelectorAll('tr')].find(r => r.textContent.includes('DivisionByZero')).innerText")
    tally.check("a row tells the measures", re.search(r"\b14\s+14\b", row) and "unresolved" in row, row)
    first = page.see(TITLES)[0]
    tally.check("the last seen is first", "ConnectException" in first, first)
    for order, leader in [("events", "TypeError"), ("users", "DivisionByZero"), ("frequency", "QueryException"),
                          ("first-seen", "ErrorException"), ("last-seen", "ConnectException")]:
        page.click(f'th a[href*="sort={order}"]')
        found = page.see(TITLES)
        tally.check(f"a click sorts by {order}", leader in found[0] and len(found) == 6, found)
        marked = page.see("document.querySelector('th[aria-sort]').textContent + document.querySelectorAll('th[aria-sort]').length")
        tally.check(f"the column of {order} is marked, alone", marked.endswith("1"), marked)
    page.open(f"{agent.url}/?sort=events")
    page.type("input[name=text]", "DIVISION by")
    page.click("button")
    tally.check("text filters, in any case", page.see(TITLES) == ["DivisionByZeroError"], page.see(TITLES))
    for query, expected in [("category=integration", 1), ("category=infra", 1), ("state=resolved", 0), ("state=unresolved", 6),
                            ("file=shop.log", 5), ("file=nowhere", 0), ("sort=nonsense&page=-3&state=x", 6)]:
        page.open(f"{agent.url}/?{query}")
        tally.check(f"{query} shows {expected}", len(page.see(TITLES)) == expected, page.see(TITLES))
    tally.check("a chart is drawn", page.see("document.querySelectorAll('svg.chart rect').length") == 24 * 6)


def check_issue(page, agent, tally):
    page.open(f"{agent.url}/?text=DivisionByZero")
    page.click(".issue > a")
    text = page.see("document.body.innerText")
    tally.check("an issue opens", page.see("document.title").startswith("DivisionByZeroError"), page.see("document.title"))
    for name, part in [("its frame", "App\\Cart\\Total"), ("its source line", "intdiv($sum, count($lines))"), ("its log", "shop.log:"),
                       ("its users", "14"), ("its fingerprint", "fingerprint")]:
        tally.check(f"the page tells {name}", part in text, text[:600])
    marked = page.see("document.querySelector('.frame mark').textContent")
    tally.check("the failing line is marked", "intdiv" in marked, marked)
    hidden = "document.querySelector('details.all').open"
    tally.check("the libraries' frames are folded away", page.see(hidden) is False)
    page.click("details.all > summary", leads=False)
    tally.check("and open at a click", page.see(hidden) is True)
    page.click("a.home")
    tally.check("home is the board", len(page.see(TITLES)) == 6)


def check_looks(page, agent, tally):
    """Light and dark, at a desk and on a phone: readable, and nothing wider than the screen."""
    issue = agent.url + re.search(r"/issues/\d+", agent.get("/?text=DivisionByZero")).group()
    contrast = """(() => {
        const light = c => { const v = c.match(/[\\d.]+/g).slice(0, 3).map(x => x / 255)
            .map(x => x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4); return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
        const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!/, 0\\)$/.test(c)) return c; } };
        const ratio = e => { const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x); return (a + .05) / (b + .05); };
        const texts = [...document.querySelectorAll('body *')].filter(e => e.innerText && [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()));
        const worst = texts.reduce((w, e) => ratio(e) < ratio(w) ? e : w);
        return [ratio(worst), worst.outerHTML.slice(0, 80), light(getComputedStyle(document.body).backgroundColor)]; })()"""
    for scheme in ("light", "dark"):
        page.scheme(scheme)
        for name, url in [("board", agent.url), ("issue", issue)]:
            page.open(url)
            ratio, where, ground = page.see(contrast)
            tally.check(f"the {name} is {scheme}", (ground > 0.8) == (scheme == "light") and (ground < 0.05) == (scheme == "dark"), ground)
            tally.check(f"each text of the {scheme} {name} can be read", ratio >= 4.5, f"{ratio:.2f} in {where}")
    page.scheme("light")
    page.width(390, 844)
    for name, url in [("board", agent.url), ("issue", issue)]:
        page.open(url)
        wide = page.see("document.documentElement.scrollWidth")
        tally.check(f"the {name} fits a phone", wide <= 390, f"{wide} pixels")
    page.width(1280)


def check_without_scripts(page, agent, tally):
    page.scripts(False)
    page.open(agent.url)
    page.click('th a[href*="sort=users"]')
    tally.check("sorting needs no script", "DivisionByZero" in page.see(TITLES)[0])
    page.type("input[name=text]", "voucher")
    page.click("button")
    tally.check("filtering needs no script", page.see(TITLES) == ["ErrorException"], page.see(TITLES))
    page.click(".issue > a")
    tally.check("opening an issue needs no script", page.see("document.title").startswith("ErrorException"))
    page.scripts(True)


def check_attack(page, agent, tally):
    """The attacker's text is text, on the board and on its issue's page."""
    issue = re.search(r"/issues/\d+", agent.get("/?text=hacked")).group()
    for name, path in [("board", "/"), ("issue", issue), ("question", "/?text=%22%3E%3Cscript%3Ewindow.hacked%3D4%3C/script%3E&file=%22%20onfocus%3Dx%20autofocus")]:
        page.requests.clear()
        page.complaints.clear()
        page.open(agent.url + path)
        time.sleep(0.2)
        parts = page.see("document.querySelectorAll('script, img, iframe, object, svg[onload], [onerror], [onfocus]').length")
        tally.check(f"the {name} holds nothing of the attacker's making", parts == 0, parts)
        tally.check(f"no script ran on the {name}", page.see("window.hacked") is None, page.see("window.hacked"))
        strange = [url for url in page.requests if not url.startswith(agent.url)] + [
            url for url in page.requests if not re.search(r"/(style\.css|issues/\d+|\?.*|favicon\.ico)?$", url)]
        tally.check(f"the {name} loads only itself", not strange, strange)
        # The policy of the page had nothing to refuse: escaping alone was enough.
        tally.check(f"the browser refused nothing on the {name}", not [c for c in page.complaints if "favicon" not in c], page.complaints)
    page.open(agent.url + issue)
    text = page.see("document.querySelector('pre.message').textContent")
    tally.check("the message is told as it is", EVIL in text, text)
    wrong = page.see("[...document.documentElement.textContent].filter(c => /[\\u202a-\\u202e\\u2066-\\u2069\\0\\x07\\x1b]/.test(c)).length")
    tally.check("nothing turns the text around or hides in it", wrong == 0, wrong)
    # Were there a hole, the policy is what remains: a script put into the page is not run.
    page.see("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.hacked = 5'}))")
    image = "Object.assign(document.createElement('img'), {src: 'x'})"
    page.see(f"{image}.setAttribute('onerror', 'window.hacked = 6')")
    time.sleep(0.2)
    tally.check("the policy refuses scripts in the page", page.see("window.hacked") is None and any("script" in c for c in page.complaints),
                page.complaints)


def check_many(page, agent, tally):
    """Ten thousand issues: a page of them is small and quick in any order, and the last one is reached."""
    for order in ("last-seen", "events", "users", "frequency", "first-seen"):
        begun = time.monotonic()
        size = len(agent.get(f"/?sort={order}"))
        took = time.monotonic() - begun
        tally.check(f"10,000 issues by {order}: {size >> 10} KiB in {took * 1000:.0f} ms", 1000 < size < 600_000 and took < 2)
    took = page.open(f"{agent.url}/?sort=events&page=100")
    found = page.see(TITLES)
    tally.check("the hundredth page is the last", len(found) == 100 and "Next" not in page.see("document.querySelector('.pages').innerText"))
    tally.check("a page is shown within two seconds", took < 2, f"{took:.2f} s")
    page.open(f"{agent.url}/?text=ajjjj")
    tally.check("one of ten thousand is found", page.see(TITLES) == ["Shop\\Ajjjj"], page.see(TITLES))


def check_token(page, errtail, folder, config, log, tally):
    """Beyond this machine nobody reads the issues without the token."""
    arguments = [errtail, "run", "--once", "--config", config, "--state-dir", folder / "open", "--listen", "0.0.0.0:0", log]
    refused = subprocess.run(list(map(str, arguments)), capture_output=True, text=True)
    tally.check("it does not listen to the world without a token",
                refused.returncode == 2 and "--listen-token-file" in refused.stderr, refused.stderr)
    (folder / "token").write_text("open sesame\n")
    agent = Agent(errtail, folder / "open", config, "--listen", "0.0.0.0:0", "--listen-token-file", folder / "token", log)
    try:
        tally.check("without the token nothing is told", "TypeError" not in agent.get("/") + agent.get("/metrics") + agent.get("/issues/1"))
        page.headers({"Authorization": "Basic " + base64.b64encode(b"any:open sesame").decode()})
        agent.wait_for("/readyz", "ready")
        for _ in range(100):
            page.open(agent.url)
            if len(page.see(TITLES)) >= 5:
                break
            time.sleep(0.1)
        styled = page.see("getComputedStyle(document.querySelector('header')).borderBottomStyle")
        tally.check("with it the page is shown, with its style", len(page.see(TITLES)) == 5 and styled == "solid", styled)
        page.headers({})
    finally:
        agent.stop()


def shoot(page, agent, folder):
    """The pictures of docs/."""
    issue = agent.url + re.search(r"/issues/\d+", agent.get("/?text=DivisionByZero")).group()
    for name, scheme, url in [("board", "light", f"{agent.url}/?file=shop.log&sort=events"), ("board-dark", "dark", f"{agent.url}/?file=shop.log&sort=events"),
                              ("issue", "light", issue)]:
        page.width(1280, 860 if name == "issue" else 640)
        page.scheme(scheme)
        page.open(url)
        page.shoot(folder / f"{name}.png")


def main():
    errtail, chromium, *rest = sys.argv[1:]
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "src/app/Cart").mkdir(parents=True)
        (folder / "src/app/Cart/Total.php").write_text(SOURCE)
        # Older than the log's lines: a source that changed since is not shown.
        old = (NOW - datetime.timedelta(days=40)).timestamp()
        os.utime(folder / "src/app/Cart/Total.php", (old, old))
        config = folder / "errtail.toml"
        config.write_text(f'[source_roots]\n"/srv/shop" = "{folder}/src"\n')
        logs = {"shop.log": shop(), "<img src=x onerror=hacked()>.log": attack()}
        many = "".join(entry(n / 1000, f"Shop\\\\{word}", "no stock", ["/srv/a.php:3 x", "/srv/b.php(4): f()"], str(n % 50))
                       for n, word in enumerate(words(10_000)))
        logs["many.txt"] = many
        for name, text in logs.items():
            (folder / name).write_text(text)
        page = Chromium(chromium)
        page.width(1280)
        run(errtail, "run", "--once", "--config", config, "--state-dir", folder / "state", *[folder / name for name in list(logs)[:2]])
        agent = Agent(errtail, folder / "state", config, "--listen", "127.0.0.1:0", *[folder / name for name in list(logs)[:2]])
        try:
            for check in (check_board, check_issue, check_looks, check_without_scripts, check_attack):
                check(page, agent, tally)
            if rest[:1] == ["--screenshots"]:
                shoot(page, agent, pathlib.Path(rest[1]))
                page.scheme("light")
        finally:
            agent.stop()
        run(errtail, "run", "--once", "--config", config, "--state-dir", folder / "many", folder / "many.txt")
        agent = Agent(errtail, folder / "many", config, "--listen", "127.0.0.1:0", folder / "many.txt")
        try:
            check_many(page, agent, tally)
        finally:
            agent.stop()
        check_token(page, errtail, folder, config, folder / "shop.log", tally)
        page.close()
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
