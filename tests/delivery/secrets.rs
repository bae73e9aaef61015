//! Secrets of every form, planted into every field: none reaches the store's files, the wire, or the screen.
//!
//! In: `ERRTAIL_SECRETS_SEED` (default 1). Out: a failure that names form and field of what came through.

use std::fs;

use serde_json::json;

use crate::agent::{Folder, now};
use crate::server::Server;

/// A secret's own look; `#` is any letter or digit, `^` any capital or digit, `%` any digit, `~` any hexadecimal digit.
const WORD: &str = "Zq7#########";
/// How secrets stand in texts, `{}` for the secret, and what they look like.
const FORMS: &[(&str, &str)] = &[
    ("login failed password={} for 7", WORD),
    ("password: {}", WORD),
    ("db_password = \"{}\"", WORD),
    ("{\"user\":\"ann\",\"password\":\"{}\",\"n\":1}", WORD),
    ("{\\\"apiKey\\\":\\\"{}\\\",\\\"n\\\":1}", WORD),
    ("{'client_secret': '{}', 'n': 1}", WORD),
    ("['api_token' => '{}', 'page' => 2]", WORD),
    ("GET https://pay.example.org/v1?page=2&api_key={}&n=1", WORD),
    ("GET /cb?access_token={}&state=2", WORD),
    ("https://ann:{}@db.example.org/x", WORD),
    ("redis://:{}@10.0.0.3:6379/0", WORD),
    ("amqp://guest:{}@mq:5672/vhost", WORD),
    ("mongodb+srv://shop:{}@cluster0.example.net/db?retryWrites=true", WORD),
    ("jdbc:postgresql://db:5432/shop?user=shop&password={}&ssl=true", WORD),
    ("jdbc:oracle:thin:shop/{}@db:1521/xe", WORD),
    ("jdbc:sqlserver://db:1433;databaseName=shop;user=sa;password={};encrypt=true", WORD),
    ("Server=db;Database=shop;User Id=sa;Password={};TrustServerCertificate=True", WORD),
    ("Server=db;Uid=root;Pwd={};Charset=utf8", WORD),
    ("Data Source=db;Password=\"{};semicolon\";Encrypt=true", WORD),
    ("Host=db;Username=shop;Password={}", WORD),
    ("AccountName=x;AccountKey={}==;EndpointSuffix=y", "################################"),
    ("Endpoint=sb://x/;SharedAccessKeyName=a;SharedAccessKey={}=", "################################"),
    ("https://x.blob.core.example.net/c/f?sv=2024&sig={}%3D&se=2027", "########################"),
    ("localhost:6379,password={},ssl=False", WORD),
    ("dsn https://{}@o1.ingest.example.org/42", "~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~"),
    ("Authorization: Bearer {}", "########################"),
    ("Authorization: Basic {}=", "####################"),
    ("sent header Bearer {} to it", "########################"),
    ("headers: { authorization: 'Bearer {}', accept: '*/*' }", WORD),
    ("Cookie: theme=dark; laravel_session={}; a=b", WORD),
    ("Set-Cookie: id={}; HttpOnly; Path=/", WORD),
    ("X-Api-Key: {}", WORD),
    ("X-Auth-Token: {}", WORD),
    ("curl --token {} https://x.example.org", WORD),
    ("mysqldump --password={} -u root shop", WORD),
    ("PGPASSWORD={} psql -h db", WORD),
    ("DB_PASSWORD={}", WORD),
    ("refresh_token%3D{}", WORD),
    ("login with password '{}' refused", WORD),
    ("aws_secret_access_key={}", "########################################"),
    ("call with {}, then", "AKIA^^^^^^^^^^^^^^^^"),
    ("call with {}, then", "sk_live_########################"),
    ("call with {}, then", "rk_live_########################"),
    ("call with {}, then", "whsec_################################"),
    ("call with {}, then", "ghp_####################################"),
    ("call with {}, then", "github_pat_######################_##########################"),
    ("call with {}, then", "glpat-####################"),
    ("call with {}, then", "xoxb-%%%%%%%%%%%%-%%%%%%%%%%%%-########################"),
    ("POST https://hooks.slack.com/services/{}", "T^^^^^^^^/B^^^^^^^^/########################"),
    ("call with {}, then", "AIza###################################"),
    ("call with {}, then", "ya29.########################################"),
    ("call with {}, then", "GOCSPX-############################"),
    ("call with {}, then", "SG.######################.###########################################"),
    ("twilio auth_token={}", "~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~"),
    ("call with {}, then", "SK~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~"),
    ("call with {}, then", "npm_####################################"),
    ("call with {}, then", "pypi-AgEIcHlwaS5vcmc########################################"),
    ("call with {}, then", "sk-proj-################################"),
    ("call with {}, then", "sk-ant-api03-################################"),
    ("call with {}, then", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.###########################"),
    ("call with {}, then", "dop_v1_~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~"),
    ("POST https://api.telegram.org/bot123456789:{}/sendMessage", "AA#################################"),
    ("key -----BEGIN PRIVATE KEY-----\\n{}\\n-----END PRIVATE KEY----- read", "MIIE################################"),
    (
        "key -----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY----- read",
        "MIIE################################",
    ),
    ("paid with card {} today", "card"),
    ("mail to {} bounced", "ann.#######@shop-mail.example.org"),
    ("select * from users where email = '{}' limit 1", WORD),
    ("(SQL: insert into `users` (`name`, `city`) values ({}, Oslo))", WORD),
];
/// Names of fields whose values are secret, whatever they look like.
const NAMES: [&str; 20] = [
    "password",
    "passwd",
    "pwd",
    "token",
    "access_token",
    "refreshToken",
    "api_key",
    "apiKey",
    "x-api-key",
    "authorization",
    "cookie",
    "set-cookie",
    "client_secret",
    "secret",
    "privateKey",
    "credentials",
    "auth",
    "session_id",
    "cvv",
    "otp",
];

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    fn secret(&mut self, look: &str) -> String {
        if look == "card" {
            return self.card();
        }
        let all = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        let mut fill = |c| match c {
            '#' => char::from(all[self.below(all.len())]),
            '^' => char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[self.below(32)]),
            '%' => char::from(b"0123456789"[self.below(10)]),
            '~' => char::from(b"0123456789abcdef"[self.below(16)]),
            c => c,
        };
        look.chars().map(&mut fill).collect()
    }

    /// Sixteen digits that pass Luhn's check.
    fn card(&mut self) -> String {
        let mut digits: Vec<u32> = vec![4];
        digits.extend((0..14).map(|_| u32::try_from(self.below(10)).unwrap()));
        let sum: u32 = digits
            .iter()
            .enumerate()
            .map(|(at, digit)| if at % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { *digit })
            .sum();
        digits.push((10 - sum % 10) % 10);
        digits.iter().map(|digit| char::from_digit(*digit, 10).unwrap()).collect()
    }
}

/// A record with a text in one field.
type Field = fn(&str, usize) -> String;

/// The fields, each with the log that holds it.
const FIELDS: [(&str, &str, Field); 12] = [
    ("laravel: message", "logs/laravel.log", |text, n| laravel(text, "{}", text, "x", n)),
    ("laravel: context", "logs/laravel.log", |text, n| {
        laravel("broken", &json!({"note": text}).to_string(), "broken", "x", n)
    }),
    ("laravel: nested context", "logs/laravel.log", |text, n| {
        laravel("broken", &json!({"order": {"lines": [{"note": text}]}}).to_string(), "broken", "x", n)
    }),
    ("laravel: argument", "logs/laravel.log", |text, n| laravel("broken", "{}", "broken", &text.replace('\n', " "), n)),
    ("laravel: line before", "logs/laravel.log", |text, n| {
        format!(
            "[{}] production.INFO: {} \n{}",
            now(),
            text.replace('\n', " "),
            laravel("broken", "{}", "broken", "x", n)
        )
    }),
    ("pino: message", "logs/pino.log", |text, n| pino(json!({}), text, n)),
    ("pino: field", "logs/pino.log", |text, n| pino(json!({"job": {"note": text}}), "broken", n)),
    ("pino: url, query, body", "logs/pino.log", |text, n| {
        pino(
            json!({"req": {"method": "POST", "url": format!("/a?note={text}"), "query": {"n": text}, "body": {"n": text}}}),
            "broken",
            n,
        )
    }),
    ("pino: line before", "logs/pino.log", |text, n| {
        let line = json!({"level": 30, "time": millis(), "pid": 7, "hostname": "web-1", "msg": text});
        format!("{line}\n{}", pino(json!({}), "broken", n))
    }),
    ("serilog: message and inner", "logs/net.log", |text, n| {
        format!(
            "{}.000 +00:00 [ERR] An unhandled exception has occurred while executing the request.\nSystem.InvalidOperationException: {text}\n ---> Shop.E{n}: {text}\n   \
             at Shop.Cart{n}.Total() in /src/Cart.cs:line 12\n   --- End of inner exception stack trace ---\n   at Shop.Cart{n}.Pay()\n",
            now()
        )
    }),
    ("clef: property", "logs/clef.log", |text, n| {
        let x =
            format!("System.InvalidOperationException: broken\n   at Shop.Clef{n}.Total() in /src/Cart.cs:line 12\n");
        format!(
            "{}\n",
            json!({"@t": stamp(), "@mt": "An unhandled exception has occurred {Note}", "@l": "Error", "@x": x, "Note": text})
        )
    }),
    ("node: crash", "logs/crash.log", |text, n| {
        format!(
            "/srv/app/pay{n}.js:3\n  throw new Error(`{0}`);\n  ^\n\nError: {text}\n    at pay{n} (/srv/app/pay{n}.js:3:9) {{\n  note: {1}\n}}\n\nNode.js v20.11.0\n",
            text.replace('\n', " "),
            json!(text)
        )
    }),
];

fn laravel(message: &str, context: &str, thrown: &str, argument: &str, n: usize) -> String {
    let escaped = |text: &str| json!(text).as_str().unwrap().replace('\\', "\\\\").replace('"', "\\\"");
    let context = context.trim_end_matches('}').to_owned() + if context.len() > 2 { "}" } else { "" };
    let context = if context.len() > 2 { context[..context.len() - 1].to_owned() + "," } else { "{".to_owned() };
    format!(
        "[{}] production.ERROR: {message} {context}\"exception\":\"[object] (App\\\\Errors\\\\E{n}(code: 0): {} at /srv/shop/app/E{n}.php:3)\n[stacktrace]\n\
         #0 /srv/shop/app/Http{n}.php(12): App\\\\E{n}->run('{}')\n#1 {{main}}\n\"}} \n",
        now(),
        escaped(thrown),
        escaped(argument),
    )
}

fn pino(mut fields: serde_json::Value, message: &str, n: usize) -> String {
    let stack = format!("Error: {message}\n    at pay{n} (/srv/app/pay{n}.js:3:9)");
    let own = json!({"level": 50, "time": millis(), "pid": 7, "hostname": "web-1", "err": {"type": "Error", "message": message, "stack": stack}, "msg": message});
    fields.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    format!("{fields}\n")
}

fn millis() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn stamp() -> String {
    jiff::Timestamp::now().to_string()
}

/// Everything that left the agent: requests, its store's files, what it printed.
fn told(folder: &Folder, server: &Server, output: &std::process::Output) -> Vec<(String, Vec<u8>)> {
    let mut told = vec![("its output".to_owned(), [output.stdout.clone(), output.stderr.clone()].concat())];
    told.extend(
        server
            .received()
            .into_iter()
            .map(|request| ("a request".to_owned(), (request.head + &request.envelope).into_bytes())),
    );
    for entry in fs::read_dir(folder.path().join("state")).unwrap().flatten() {
        told.push((entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap()));
    }
    for arguments in [&["issues", "--output", "json"][..], &["status", "--output", "json"]] {
        told.push((arguments.join(" "), folder.command(arguments).output().unwrap().stdout));
    }
    told
}

#[test]
fn no_planted_secret_leaves_the_agent() {
    let seed = std::env::var("ERRTAIL_SECRETS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut random = Random(0x9e37_79b9 + seed);
    let folder = Folder::new("dedupe = \"off\"\n[policy]\nsend_handled = true\n[delivery]\nmax_in_flight = 8\n");
    let mut logs: std::collections::BTreeMap<&str, String> = std::collections::BTreeMap::new();
    let mut planted: Vec<(String, String)> = Vec::new();
    let mut records = 0;
    for (form, look) in FORMS {
        for (field, log, record) in FIELDS {
            let secret = random.secret(look);
            *logs.entry(log).or_default() += &record(&form.replace("{}", &secret), records);
            planted.push((core(&secret), format!("{field}: {form}")));
            records += 1;
        }
    }
    for name in NAMES {
        let secret = random.secret(WORD);
        let (context, fields) =
            (json!({name: secret}), json!({"req": {"method": "GET", "url": "/a", "headers": {name: secret}}}));
        *logs.entry("logs/laravel.log").or_default() +=
            &laravel("broken", &context.to_string(), "broken", "x", records);
        *logs.entry("logs/pino.log").or_default() += &pino(fields, "broken", records);
        planted.push((secret, format!("field {name}")));
        records += 2;
    }
    logs.iter().for_each(|(log, text)| folder.write(log, text));
    let server = Server::start(&[]);
    let output = folder.once(&server.dsn("thekey", 1));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let events: usize = server.received().iter().map(|request| request.items("event").len()).sum();
    assert!(events * 100 >= records * 95, "{events} events of {records} records: the secrets were not tried");
    let mut through = Vec::new();
    let told = told(&folder, &server, &output);
    for (secret, place) in &planted {
        if let Some((whose, _)) =
            told.iter().find(|(_, bytes)| memchr::memmem::find(bytes, secret.as_bytes()).is_some())
        {
            through.push(format!("{place} ({secret}) in {whose}"));
        }
    }
    assert!(
        through.is_empty(),
        "{} of {} planted secrets came through:\n{}",
        through.len(),
        planted.len(),
        through.join("\n")
    );
}

/// The part of a secret that no escaping changes and that nothing else holds.
fn core(secret: &str) -> String {
    let longest = secret.split(|c: char| !c.is_ascii_alphanumeric()).max_by_key(|part| part.len()).unwrap_or(secret);
    if secret.contains('@') { secret.split('@').next().unwrap().to_owned() } else { longest.to_owned() }
}
