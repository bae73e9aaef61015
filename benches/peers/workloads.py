#!/usr/bin/env python3
"""Writes logs as busy services write them, from a fixed seed: the same arguments give the same bytes.

In: a folder, a size in bytes, names of workloads. Out: one file a workload. 3 % of the records carry a stack trace,
one of 200 of 20 to 40 calls, with messages, ids and times of their own; the other records are lines of 200 to 300
bytes. One record in 2,000 holds words that traces hold, too. Python's standard library is all it needs.

  workloads.py FOLDER [--bytes N] [NAME…]      names: laravel dotnet node quiet cri docker storm
"""

import argparse
import json
import os
import random

TRACES = 200
THROWN = 0.03
SEED = 0x5EED
WORDS = ("order basket customer invoice shipment payment refund ledger stock price voucher address session token "
         "catalog import export report mailer webhook queue cache search tenant profile branch terminal receipt").split()
VERBS = "create update find load store sync price cancel confirm dispatch resolve attach render validate fetch".split()
METHODS = ["GET", "GET", "GET", "POST", "PUT", "DELETE"]
AGENTS = ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0 Safari/537.36",
          "okhttp/4.12.0", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Mobile/15E148"]
NAMES = ["laravel", "dotnet", "node", "quiet", "cri", "docker", "storm"]


class Writer:
    """Times that go on, and numbers that vary."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.millis = 1_795_000_000_000

    def below(self, limit):
        return int(self.random.random() * limit)

    def pick(self, items):
        return items[int(self.random.random() * len(items))]

    def clock(self):
        self.millis += self.below(40)
        seconds, millis = divmod(self.millis, 1000)
        day, second = divmod(seconds, 86_400)
        return 1 + day % 28, second // 3600, second // 60 % 60, second % 60, millis

    def hex(self, digits):
        return f"{self.random.getrandbits(4 * digits):0{digits}x}"

    def noise(self):
        """Words of traces in an ordinary line."""
        return self.pick(["moved to shelf B (at dock 4)", "see docs/retry.md:line 12 for why", "sku \"stack-7\"  at  depot",
                          "customer@http-proxy.example", "left (3) at the door"])


def camel(random_, words):
    return "".join(random_.choice(words).capitalize() for _ in range(2))


def numbered(calls):
    """PHP's trace."""
    return "".join(f"#{at} {call}\n" for at, call in enumerate(calls)) + f"#{len(calls)} {{main}}\n"


class Laravel(Writer):
    """`[time] channel.LEVEL: message context`, Laravel's single and daily channels."""

    def __init__(self, seed):
        super().__init__(seed)
        self.traces = [self.trace(number) for number in range(TRACES)]

    def trace(self, number):
        r = random.Random(SEED + number)
        service, action = camel(r, WORDS), r.choice(VERBS)
        place = f"/var/www/html/app/Services/{service}.php:{r.randint(20, 400)}"
        folders, spaces = ["Services", "Http/Controllers", "Jobs", "Actions"], ["Services", "Domain", "Actions"]
        arguments = ["", "Object(App\\\\Models\\\\Order)", "123", "Array", "NULL, true"]
        own = [f"/var/www/html/app/{r.choice(folders)}/{camel(r, WORDS)}.php({r.randint(20, 400)}): App\\\\{r.choice(spaces)}\\\\"
               f"{camel(r, WORDS)}{r.choice(['->', '->', '::'])}{r.choice(VERBS)}({r.choice(arguments)})" for _ in range(r.randint(2, 6))]
        framework = "/var/www/html/vendor/laravel/framework/src/Illuminate/"
        folders, spaces = ["Routing", "Foundation", "Container", "Database", "Support"], ["Routing", "Foundation\\\\Http", "Container"]
        passed = "(Object(Illuminate\\\\Http\\\\Request), Object(Closure))"
        middle = [f"{framework}{r.choice(folders)}/{camel(r, WORDS)}.php({r.randint(20, 900)}): Illuminate\\\\{r.choice(spaces)}\\\\{camel(r, WORDS)}->"
                  f"{r.choice(VERBS)}{passed}" for _ in range(r.randint(6, 14))]
        closure = "Illuminate\\\\Pipeline\\\\Pipeline->Illuminate\\\\Pipeline\\\\{closure}(Object(Illuminate\\\\Http\\\\Request))"
        tail = [f"{framework}Pipeline/Pipeline.php({r.choice([119, 162, 180])}): "
                + r.choice([closure, "App\\\\Http\\\\Middleware\\\\" + camel(r, WORDS) + "->handle" + passed]) for _ in range(r.randint(10, 18))]
        tail.append("/var/www/html/public/index.php(51): Illuminate\\\\Foundation\\\\Http\\\\Kernel->handle(Object(Illuminate\\\\Http\\\\Request))")
        calls = (own + middle + tail)[:39]
        text = numbered(calls)
        kind = f"App\\\\Exceptions\\\\{service}{action.capitalize()}Failed"
        cause = ""
        if number % 3 == 0:
            inner = [f"{framework}Database/Connection.php({r.randint(300, 800)}): PDO->prepare('select * from `...')"] + calls[1:r.randint(4, 9)]
            cause = ("\n[previous exception] [object] (PDOException(code: 2002): SQLSTATE[HY000] [2002] Connection refused at "
                     f"{framework}Database/Connectors/Connector.php:{r.randint(60, 90)})\n[stacktrace]\n{numbered(inner)}")
        return kind, service, action, place, text, cause

    def stamp(self):
        day, hour, minute, second, _ = self.clock()
        return f"[2026-11-{day:02} {hour:02}:{minute:02}:{second:02}]"

    def line(self):
        word, order = self.pick(WORDS), self.below(10_000_000)
        level = self.pick(["INFO", "INFO", "INFO", "DEBUG", "WARNING"])
        words = self.noise() if self.below(2000) == 0 else "done"
        return (f"{self.stamp()} production.{level}: {word.capitalize()} {order} asked for {self.pick(VERBS)}, {words} "
                f"{{\"{word}_id\":{order},\"user_id\":{self.below(50_000)},\"amount\":{self.below(100_000) / 100},\"method\":\"{self.pick(METHODS)}\","
                f"\"path\":\"/api/v2/{word}s/{order}\",\"ms\":{self.below(900)},\"request_id\":\"{self.hex(32)}\",\"ip\":\"10.{self.below(255)}.{self.below(255)}.{self.below(255)}\"}} \n")

    def thrown(self, number=None):
        kind, service, action, place, text, cause = self.traces[self.below(TRACES) if number is None else number]
        order = self.below(10_000_000)
        message = f"{service} {order} could not {action} for {self.hex(8)}"
        return (f"{self.stamp()} production.ERROR: {message} {{\"userId\":{self.below(50_000)},\"exception\":\"[object] "
                f"({kind}(code: 0): {message} at {place})\n[stacktrace]\n{text}{cause}\"}} \n")


class Dotnet(Writer):
    """Serilog's text, and every fourth record Microsoft.Extensions.Logging's console."""

    def __init__(self, seed):
        super().__init__(seed)
        self.traces = [self.trace(number) for number in range(TRACES)]

    def trace(self, number):
        r = random.Random(SEED + number)
        own = []
        for _ in range(r.randint(3, 8)):
            service, action = camel(r, WORDS), r.choice(VERBS).capitalize()
            place = f" in /src/Shop.{r.choice(['Api', 'Domain', 'Infrastructure'])}/{service}/{service}Service.cs:line {r.randint(10, 500)}"
            own.append("   at Shop." + r.choice(["Api", "Domain", "Infrastructure"]) + f".{service}.{service}Service." + r.choice([
                f"<{action}Async>d__{r.randint(2, 40)}.MoveNext()", f"{action}(Guid id, CancellationToken cancellationToken)",
                f"<>c__DisplayClass{r.randint(2, 30)}_0.<{action}>b__0(Order order)"]) + place)
            if r.random() < 0.4:
                own.append("--- End of stack trace from previous location ---")
        framework = []
        for _ in range(40):
            framework.append("   at Microsoft." + r.choice([
                f"AspNetCore.Mvc.Infrastructure.ControllerActionInvoker.<{r.choice(VERBS).capitalize()}>g__Awaited|{r.randint(10, 30)}_0(ControllerActionInvoker invoker, Task lastTask, State next, Scope scope, Object state, Boolean isCompleted)",
                f"EntityFrameworkCore.Query.Internal.{camel(r, WORDS)}Enumerable`1.AsyncEnumerator.MoveNextAsync()",
                f"AspNetCore.Routing.{camel(r, WORDS)}Middleware.<Invoke>g__AwaitRequestTask|{r.randint(4, 9)}_0(Endpoint endpoint, Task requestTask, ILogger logger)",
                f"AspNetCore.Authentication.{camel(r, WORDS)}Middleware.Invoke(HttpContext context)"]))
            if r.random() < 0.15:
                framework.append("--- End of stack trace from previous location ---")
        calls = (own + framework)[:r.randint(20, 40)]
        service = camel(r, WORDS)
        cause = ""
        if number % 3 == 0:
            cause = (" ---> System.TimeoutException: The operation has timed out.\n"
                     f"   at Npgsql.Internal.NpgsqlConnector.<ReadMessageLong>d__{r.randint(100, 300)}.MoveNext()\n"
                     f"   at Npgsql.NpgsqlDataReader.<NextResult>d__{r.randint(20, 60)}.MoveNext()\n"
                     "   --- End of inner exception stack trace ---\n")
        return f"Shop.Domain.{service}{r.choice(['Exception', 'NotFoundException', 'StateException'])}", service, cause + "\n".join(calls) + "\n"

    def stamp(self):
        day, hour, minute, second, millis = self.clock()
        return f"2026-11-{day:02} {hour:02}:{minute:02}:{second:02}.{millis:03} +00:00"

    def line(self):
        word, number = self.pick(WORDS), self.below(10_000_000)
        words = self.noise() if self.below(2000) == 0 else "completed"
        text = (f"HTTP {self.pick(METHODS)} /api/v2/{word}s/{number} responded {self.pick([200, 200, 201, 204, 404])} in {self.below(900_000) / 1000} ms, {words}; "
                f"TraceId {self.hex(32)}, RequestId 0HN{self.hex(10).upper()}:000000{self.below(99):02}, User {self.below(50_000)}, Client 10.{self.below(255)}.{self.below(255)}.1")
        category = f"Shop.Api.{word.capitalize()}Controller"
        if self.below(4) == 0:
            return f"info: {category}[{self.below(30)}]\n      {text}, {self.pick(AGENTS)}\n"
        return f"{self.stamp()} [{self.pick(['INF', 'INF', 'DBG', 'WRN'])}] {category} {text}\n"

    def thrown(self, number=None):
        kind, service, text = self.traces[self.below(TRACES) if number is None else number]
        category = "Microsoft.AspNetCore.Diagnostics.ExceptionHandlerMiddleware"
        head = f"{kind}: {service} {self.below(10_000_000)} is not in state {self.hex(8)}"
        if number is None and self.below(4) == 0:
            lines = "".join(f"      {line}\n" for line in (head + "\n" + text).splitlines())
            return f"fail: {category}[1]\n      An unhandled exception has occurred while executing the request.\n{lines}"
        return f"{self.stamp()} [ERR] {category} An unhandled exception has occurred while executing the request.\n{head}\n{text}"


class Node(Writer):
    """One half winston's text and console.error, the other half pino's JSON."""

    def __init__(self, seed):
        super().__init__(seed)
        self.traces = [self.trace(number) for number in range(TRACES)]

    def trace(self, number):
        r = random.Random(SEED + number)
        def name(): return r.choice(["", "async "]) + camel(r, WORDS) + r.choice([".", "Service.", "Controller."]) + r.choice(VERBS)
        own = [f"    at {name()} (/srv/app/dist/{r.choice(WORDS)}/{r.choice(WORDS)}.service.js:{r.randint(5, 600)}:{r.randint(3, 90)})"
               for _ in range(r.randint(3, 9))]
        other = []
        for _ in range(40):
            package = r.choice(["express/lib/router", "@nestjs/core/router", "pg/lib", "knex/lib/execution", "axios/lib/core", "koa-compose"])
            other.append(r.choice([
                f"    at {name()} (/srv/app/node_modules/{package}/{r.choice(WORDS)}.js:{r.randint(5, 900)}:{r.randint(3, 60)})",
                f"    at /srv/app/node_modules/{package}/index.js:{r.randint(5, 900)}:{r.randint(3, 60)}",
                f"    at Layer.handle [as handle_request] (/srv/app/node_modules/{package}/layer.js:95:5)"]))
        other = other[:r.randint(17, 30)] + ["    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)"]
        return r.choice(["TypeError", "Error", "RangeError", "QueryFailedError"]), r.choice(WORDS), r.choice(VERBS), "\n".join((own + other)[:40])

    def stamp(self):
        day, hour, minute, second, millis = self.clock()
        return f"2026-11-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"

    def line(self):
        word, number = self.pick(WORDS), self.below(10_000_000)
        words = self.noise() if self.below(2000) == 0 else "request completed"
        if self.below(2) == 0:
            self.clock()
            return (f"{{\"level\":30,\"time\":{self.millis},\"pid\":17,\"hostname\":\"api-5d9c7b6f4-x2x7q\",\"reqId\":\"{self.hex(16)}\",\"req\":{{\"method\":\"{self.pick(METHODS)}\","
                    f"\"url\":\"/api/v2/{word}s/{number}\",\"remoteAddress\":\"10.{self.below(255)}.{self.below(255)}.1\"}},\"res\":{{\"statusCode\":200}},\"responseTime\":{self.below(900)},\"msg\":{json.dumps(words)}}}\n")
        return (f"{self.stamp()} [{self.pick(['info', 'info', 'debug', 'warn'])}]: {self.pick(METHODS)} /api/v2/{word}s/{number} 200 {self.below(900)} ms - {words} "
                f"user={self.below(50_000)} request={self.hex(32)} ip=10.{self.below(255)}.{self.below(255)}.1 agent=\"{self.pick(AGENTS)}\"\n")

    def thrown(self, number=None):
        kind, word, verb, calls = self.traces[self.below(TRACES) if number is None else number]
        message = f"Cannot {verb} {word} {self.below(10_000_000)}: {self.hex(8)} is undefined"
        if number is None and self.below(2) == 0:
            self.clock()
            error = json.dumps({"type": kind, "message": message, "stack": f"{kind}: {message}\n{calls}"}, separators=(",", ":"))
            return (f"{{\"level\":50,\"time\":{self.millis},\"pid\":17,\"hostname\":\"api-5d9c7b6f4-x2x7q\",\"reqId\":\"{self.hex(16)}\",\"err\":{error},"
                    f"\"msg\":\"request errored\"}}\n")
        return f"{self.stamp()} [error]: Unhandled error on {self.pick(METHODS)} /api/v2/{word}s {kind}: {message}\n{calls}\n"


def plain(writer, thrown):
    """Records without an end."""
    while True:
        yield writer.thrown() if writer.random.random() < thrown else writer.line()


def storm(writer):
    """One failure without an end: only time, id and message differ."""
    while True:
        yield writer.thrown(0)


def cri(records):
    """Each line behind what a container runtime puts before it."""
    nanos = 0
    for record in records:
        nanos += 1_000_003
        prefix = f"2026-11-23T{nanos // 3_600_000_000_000 % 24:02}:{nanos // 60_000_000_000 % 60:02}:{nanos // 1_000_000_000 % 60:02}.{nanos % 1_000_000_000:09}Z stdout F "
        yield "".join(prefix + line + "\n" for line in record[:-1].split("\n"))


def docker(records):
    """Each line as Docker's json-file driver writes it."""
    nanos = 0
    for record in records:
        nanos += 1_000_003
        tail = f",\"stream\":\"stdout\",\"time\":\"2026-11-23T{nanos // 3_600_000_000_000 % 24:02}:{nanos // 60_000_000_000 % 60:02}:{nanos // 1_000_000_000 % 60:02}.{nanos % 1_000_000_000:09}Z\"}}\n"
        for line in record[:-1].split("\n"):
            text = line.replace("\\", "\\\\").replace('"', '\\"').replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
            yield f"{{\"log\":\"{text}\\n\"{tail}"


def records(name):
    """The records of a workload."""
    return {
        "laravel": lambda: plain(Laravel(SEED), THROWN),
        "dotnet": lambda: plain(Dotnet(SEED), THROWN),
        "node": lambda: plain(Node(SEED), THROWN),
        "quiet": lambda: plain(Laravel(SEED), 0),
        "cri": lambda: cri(plain(Dotnet(SEED), THROWN)),
        "docker": lambda: docker(plain(Laravel(SEED), THROWN)),
        "storm": lambda: storm(Laravel(SEED)),
    }[name]()


def write(folder, name, size):
    """Writes a workload, unless it is there in that size already; its path."""
    path = os.path.join(folder, f"{name}-{size}.log")
    if os.path.exists(path):
        return path
    os.makedirs(folder, exist_ok=True)
    done = 0
    with open(path + ".new", "wb", buffering=1 << 20) as out:
        for record in records(name):
            data = record.encode()
            out.write(data)
            done += len(data)
            if done >= size:
                break
    os.replace(path + ".new", path)
    return path


def write_issues(path, issues, count):
    """A log of `count` records of `issues` failures, each thrown by a function of its own."""
    writer = Laravel(SEED)
    with open(path, "w") as out:
        for number in range(count):
            which = number % issues
            out.write(f"{writer.stamp()} production.ERROR: no stock {{\"userId\":{writer.below(50)},\"exception\":\"[object] "
                      f"(App\\\\NoStock(code: 0): no stock at /srv/app/Shop{which}.php:12)\n[stacktrace]\n"
                      f"#0 /srv/app/Cart.php(9): App\\\\Shop{which}->take()\n#1 {{main}}\n\"}} \n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--bytes", type=int, default=525_000_000)
    arguments = parser.parse_args()
    for name in arguments.names or NAMES:
        print(write(arguments.folder, name, arguments.bytes))


if __name__ == "__main__":
    main()
