//! Logs of any size from a fixed seed, as busy services write them.
//!
//! In: a kind and a size. Out: the log's bytes. Invariant: the same arguments give the same bytes.

/// What a log is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// Laravel without exceptions.
    Quiet,
    /// Laravel, 3 % of the entries with a trace.
    Laravel,
    /// .NET's Serilog, 3 % of the entries with a trace.
    Dotnet,
    /// Node's winston, 3 % of the entries with a trace.
    Node,
    /// The .NET log in CRI's wrapping.
    Cri,
    /// The .NET log in Docker's wrapping.
    Docker,
}

/// All kinds.
pub const LOGS: [Log; 6] = [Log::Quiet, Log::Laravel, Log::Dotnet, Log::Node, Log::Cri, Log::Docker];

/// A log of at least `bytes` bytes.
pub fn log(kind: Log, bytes: usize) -> Vec<u8> {
    let mut random = Random(0x5EED);
    let mut out = String::with_capacity(bytes + 8192);
    let mut entry = String::new();
    while out.len() < bytes {
        entry.clear();
        let thrown = kind != Log::Quiet && random.below(100) < 3;
        match kind {
            Log::Quiet | Log::Laravel => laravel(&mut entry, &mut random, thrown),
            Log::Dotnet | Log::Cri | Log::Docker => dotnet(&mut entry, &mut random, thrown),
            Log::Node => node(&mut entry, &mut random, thrown),
        }
        match kind {
            Log::Cri => entry.lines().for_each(|line| {
                out += &format!(
                    "2026-11-23T21:53:{:02}.{:09}Z stdout F {line}\n",
                    random.below(60),
                    random.below(999_999_999)
                );
            }),
            Log::Docker => entry.lines().for_each(|line| {
                let text =
                    line.replace('\\', "\\\\").replace('"', "\\\"").replace('<', "\\u003c").replace('>', "\\u003e");
                let nanos = random.below(999_999_999);
                out += &format!(
                    "{{\"log\":\"{text}\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-23T21:53:02.{nanos:09}Z\"}}\n"
                );
            }),
            _ => out += &entry,
        }
    }
    out.into_bytes()
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn laravel(out: &mut String, random: &mut Random, thrown: bool) {
    let stamp = format!("[2026-11-23 08:{:02}:{:02}]", random.below(60), random.below(60));
    let order = random.below(100_000);
    if !thrown {
        *out += &format!(
            "{stamp} production.INFO: Order {order} was paid {{\"order\":{order},\"method\":\"card\",\"ms\":{}}} \n",
            random.below(900)
        );
        return;
    }
    *out += &format!(
        "{stamp} production.ERROR: Order {order} is not there {{\"userId\":{},\"exception\":\"[object] (App\\\\Exceptions\\\\OrderMissing(code: 0): Order {order} is not there at /var/www/html/app/Services/Orders.php:{})\n[stacktrace]\n",
        random.below(500),
        random.below(200)
    );
    for number in 0..30 {
        *out += &format!(
            "#{number} /var/www/html/vendor/laravel/framework/src/Illuminate/Pipeline/Pipeline.php({}): Illuminate\\\\Pipeline\\\\Pipeline->Illuminate\\\\Pipeline\\\\{{closure}}(Object(Illuminate\\\\Http\\\\Request))\n",
            random.below(300)
        );
    }
    *out += "#30 {main}\n\"} \n";
}

fn dotnet(out: &mut String, random: &mut Random, thrown: bool) {
    let stamp =
        format!("2026-11-23 21:{:02}:{:02}.{:03} +00:00", random.below(60), random.below(60), random.below(1000));
    if !thrown {
        *out += &format!(
            "{stamp} [INF] Shop.Api.Requests HTTP GET /orders/{} responded 200 in {} ms\n",
            random.below(100_000),
            random.below(900)
        );
        return;
    }
    *out +=
        &format!("{stamp} [ERR] Shop.Api.Orders An unhandled exception has occurred while executing the request.\n");
    *out += &format!(
        "System.InvalidOperationException: Order {} has no lines\n ---> System.FormatException: The input string '12,OO' was not in a correct format.\n",
        random.below(100_000)
    );
    *out += "   at System.Number.ThrowFormatException[TChar](ReadOnlySpan`1 value)\n   --- End of inner exception stack trace ---\n";
    for number in 0..18 {
        *out += &format!(
            "   at Shop.Orders.OrderService.<PriceAsync>d__{number}.MoveNext() in /src/Shop.Orders/OrderService.cs:line {}\n",
            random.below(400)
        );
    }
    *out += "   at Microsoft.AspNetCore.Diagnostics.ExceptionHandlerMiddlewareImpl.<Invoke>g__Awaited|10_0(ExceptionHandlerMiddlewareImpl middleware, HttpContext context, Task task)\n";
}

fn node(out: &mut String, random: &mut Random, thrown: bool) {
    let stamp = format!("2026-11-23T08:{:02}:{:02}.{:03}Z", random.below(60), random.below(60), random.below(1000));
    let id = random.below(100_000);
    if !thrown {
        *out += &format!("{stamp} [info]: GET /orders/{id} 200 {} ms\n", random.below(900));
        return;
    }
    *out += &format!(
        "{stamp} [error]: Unhandled error on GET /orders/{id} TypeError: Cannot read properties of undefined (reading 'address')\n"
    );
    for _ in 0..10 {
        *out += &format!(
            "    at Order.shippingLabel (/srv/app/src/orders/order.js:{}:{})\n",
            random.below(300),
            random.below(80)
        );
    }
    *out += "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)\n";
}
