//! The scrubber against every form of secret that it names, and against planted ones in any field.

use proptest::prelude::*;

use super::*;

fn scrubber() -> &'static Scrubber {
    static SCRUBBER: std::sync::LazyLock<Scrubber> =
        std::sync::LazyLock::new(|| Scrubber::new(&Settings::default(), false).unwrap());
    &SCRUBBER
}

/// Forms in which a secret stands in a log; `{}` is the secret.
const FORMS: [&str; 69] = [
    "login failed password={} for 7",
    "password: {}",
    "db_password = \"{}\"",
    "{\"user\":\"ann\",\"password\":\"{}\",\"n\":1}",
    "{\\\"apiKey\\\":\\\"{}\\\",\\\"n\\\":1}",
    "{\"accessToken\": \"{}\"}",
    "{'client_secret': '{}'}",
    "['api_token' => '{}', 'page' => 2]",
    "api_key={}&page=2",
    "GET https://pay.example.org/v1?page=2&api-key={}&n=1",
    "https://ann:{}@db.example.org/x",
    "redis://:{}@10.0.0.3:6379/0",
    "jdbc:oracle:thin:shop/{}@db:1521/xe",
    "mongodb+srv://shop:{}@cluster0.example.net/db",
    "amqp://guest:{}@mq:5672",
    "Host=db;Port=5433;Username=shop;Password={};Timeout=2",
    "Server=db;User Id=shop;Pwd={};Encrypt=true",
    "AccountName=x;AccountKey={};EndpointSuffix=y",
    "Endpoint=sb://x/;SharedAccessKeyName=a;SharedAccessKey={}",
    "localhost:6379,password={},ssl=False",
    "Authorization: Bearer {}",
    "Authorization: Basic {}",
    "headers: { authorization: 'Bearer {}' }",
    "\"Authorization\":\"Bearer {}\"",
    "Cookie: theme=dark; laravel_session={}; a=b",
    "Set-Cookie: id={}; HttpOnly",
    "X-Api-Key: {}",
    "X-Auth-Token: {}",
    "#0 /srv/pdo.php(5): PDO->__construct('mysql:host=db', 'shop', '{}', Array)",
    "#3 [internal function]: App\\Mail::login('ann', '{}')",
    "curl --token {} https://x",
    "mysql --password={} -u root",
    "DB_PASSWORD={}\nDB_HOST=db",
    "clientSecret={}",
    "the token=%22x and refresh_token%3D{}",
    "<password>x</password> secret_key:{}",
    "Key (token)=({}) already exists.",
    "login with password '{}' refused",
    "update \"users\" set \"remember_token\" = {}, \"n\" = 2 limit 1",
    "auth: { username: 'ann', password: '{}' }",
    "payload=%7B%22password%22%3A%22{}%22%7D&page=2",
    "body {\\u0022password\\u0022:\\u0022{}\\u0022,\\u0022n\\u0022:1}",
    "<input value=&quot;{&quot;token&quot;:&quot;{}&quot;}&quot;>",
    "<Envelope><wsse:Password>{}</wsse:Password></Envelope>",
    "<add key=\"DbPassword\" value=\"{}\" />",
    "{\"name\":\"api_key\",\"value\":\"{}\"}",
    "rawHeaders: [ 'Host', 'a', 'X-Api-Key', '{}', 'Accept', '*/*' ]",
    "[\"password\"]=>\n  string(9) \"{}\"\n  [\"n\"]=>",
    "Array ( [password] => {} [n] => 1 )",
    "User(name=ann, password={}, age=3)",
    "{Name:ann Password:{} Age:3}",
    "#<User password=>\"{}\", :n=>1>",
    "req { cookies: { sid: '{}' }, path: '/' }",
    "https://x.example/cb?state=1\\u0026access_token={}\\u0026n=2",
    "mongodb://shop:a/b?{}@db.example.org/x",
    "The command \"mysqldump -u root -p{} shop\" failed.",
    "curl -u ann:{} https://x.example",
    "X-Hub-Signature-256: sha256={}",
    "password2={}",
    "Driver={SQL Server};Uid=sa;Pwd={{}};n=1",
    "snowflake://ann:{}@acct/db?warehouse=w",
    "host=db user=shop password={} dbname=x",
    "mysql:host=db;dbname=x;user=root;password={}",
    "(redis) AUTH failed: REDIS_PASSWORD={}",
    "verification_code={}",
    "Authorization: Digest username=\"ann\", response=\"{}\"\n",
    "SharedAccessSignature sr=x&sig=a9{}&se=1",
    "\\\"authorization\\\":\\\"Token {}\\\"",
    "{\\\\\\\"secret\\\\\\\":\\\\\\\"{}\\\\\\\"}",
];

proptest! {
    #[test]
    fn no_planted_secret_stays(secret in "[A-Za-z][A-Za-z0-9]{6}[0-9][A-Za-z0-9_]{2,24}", form in 0..FORMS.len(), before in "[a-z \\n]{0,12}") {
        let text = format!("{before} {} tail", FORMS[form].replace("{}", &secret));
        let clean = scrubber().text(&text).into_owned();
        prop_assert!(!clean.contains(&secret), "{text} -> {clean}");
        prop_assert!(clean.contains("tail") || FORMS[form].contains("ookie"), "{text} -> {clean}");
    }

    #[test]
    fn any_text_is_taken_and_scrubbing_is_stable(text in "\\PC{0,200}") {
        let once = scrubber().text(&text).into_owned();
        prop_assert_eq!(scrubber().text(&once).into_owned(), once);
    }

    #[test]
    fn nothing_reaches_a_record_from_any_field(secret in "[A-Z][a-z]{5}[0-9]{3}[a-z]{4}", form in 0..FORMS.len()) {
        let text = FORMS[form].replace("{}", &secret);
        let mut record = Record {
            message: Some(text.clone()),
            unparsed: vec![text.clone()],
            before: vec![text.clone()].into(),
            fields: vec![("context.note".to_owned(), text.clone()), ("user.password".to_owned(), secret.clone())],
            exceptions: vec![errtail_parsers::Exception {
                message: text.clone(),
                properties: vec![("token".to_owned(), secret.clone())],
                frames: vec![Frame { raw: Some(text), ..Default::default() }].into(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let before = scrubber().record(&mut record);
        prop_assert!(!format!("{record:?}{before:?}").contains(&secret), "{record:?} {before:?}");
    }
}

#[test]
fn shapes_are_secrets_without_a_name() {
    for secret in [
        concat!("AKIA", "IOSFODNN7EXAMPLE"),
        concat!("sk_live", "_4eC39HqLyjWDarjtT1zdp7dc"),
        concat!("ghp", "_16C7e42F292c6912E7710c838347Ae178B4a"),
        concat!("xoxb", "-2345678901-abcDEFghiJKL"),
        concat!("eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1g"),
        concat!("CfDJ8", "NrxA3kzQ0t8mWcLp2vHs7dEfG"),
        concat!("hf_", "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789"),
        concat!("$2y$", "10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"),
        concat!("rzp_live", "_a1B2c3D4e5F6g7"),
        concat!("hvs.", "CAESIJ1234567890abcdefghij"),
        concat!("eyJpdiI6", "IjdRcHcxWk5kT0ZqZkQ0c3VhTm1hSlE9PSIsInZhbHVlIjoi"),
        "4111 1111 1111 1111",
        "5500000000000004",
        "ann.lee@mail.example.org",
        "203.0.114.9",
        "2a02:8109:b80:23:1::9",
    ] {
        let text = format!("call with {secret}, then");
        assert_eq!(scrubber().text(&text), "call with [Filtered], then", "{secret}");
    }
    for (text, clean) in [
        (
            "POST https://api.telegram.org/bot123456:AAxyzABCDEFGHIJKLMNOP/send",
            "POST https://api.telegram.org[Filtered]",
        ),
        ("Ocp-Apim-Subscription-Key: 9f2c1d7ab34e45d6", "Ocp-Apim-Subscription-Key: [Filtered]"),
        ("\"cache_key\":\"a1b2c3d4e5f6a7b8c9\"", "\"cache_key\":\"a1b2c3d4e5f6a7b8c9\""),
    ] {
        assert_eq!(scrubber().text(text), clean);
    }
    let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----";
    assert_eq!(scrubber().text(&format!("read {key} ok")), "read [Filtered] ok");
    // Cut off at either end; and what follows stays.
    assert_eq!(scrubber().text("-----BEGIN PRIVATE KEY-----\nMIIE/+ow\nCh"), FILTERED);
    let cut = "MIIEow\nZm9v\n-----END PRIVATE KEY-----\nnext line";
    assert_eq!(scrubber().text(cut), "[Filtered]-----END PRIVATE KEY-----\nnext line");
    assert_eq!(scrubber().text("C: AUTH PLAIN AGFubgBodW50ZXIy"), "C: AUTH PLAIN [Filtered]");
    assert_eq!(scrubber().text("GET https://ann:Hunter"), "GET https://[Filtered]");
    assert_eq!(scrubber().text("GET https://db.example.org:8080"), "GET https://db.example.org:8080");
}

#[test]
fn what_is_no_secret_stays() {
    for text in [
        "Unexpected token } in JSON at position 12",
        "Unexpected token: end of input",
        "Access denied for user 'root'@'localhost' (using password: YES)",
        "The password: must be at least eight characters",
        "System.Private.CoreLib, Version=10.0.0.0, Culture=neutral, PublicKeyToken=7cec85d7bea7798e",
        "Could not load file or assembly 'X, Version=4.6.1.7, Culture=neutral, PublicKeyToken=null'",
        "connect ECONNREFUSED 127.0.0.1:5432",
        "password authentication failed for user \"shop\"",
        "author: Ann",
        "at Foo.<Bar>b__0(CancellationToken cancellationToken) in /srv/a.cs:line 12",
        "Duplicate entry '12' for key 'orders.orders_number_unique'",
        "App\\Auth::attempt failed at 12:30:45 with code=12",
        "#1 /srv/app/index.php(12): App\\Kernel->handle(Object(Request), 12)",
        "/srv/node_modules/.pnpm/axios@1.7.2/node_modules/axios/index.js:12:3",
        "bundle@main.js:12:3",
        "order 1700000000000 at 1795420811.803",
        "d41d8cd98f00b204e9800998ecf8427e",
        "SQLSTATE[42S02]: no such table (SQL: select * from `orders` where `orders`.`id` = 5 limit 1)",
        "insert into orders (id) values (?, ?)",
        "class@anonymous::handle",
        "getaddrinfo ENOTFOUND api.example.org",
        "Cannot read properties of undefined (reading 'token')",
        "Undefined array key \"password\"",
        "key=abc",
        "Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",
        "Undefined array key 12",
        "Unknown column 'password' in 'field list'",
        "sk-button-primary-with-a-rather-long-class-name is not defined",
        "npm_config_cache_lock_retries_are_exceeded_here",
        "SKU12345678 is out of stock",
        "the token was not accepted, ask for a new token",
        "password must be at least 8 characters",
        "usage: prompt_tokens: 512, total_tokens=1024, token_count=5",
        "password_reset=sent, keyboard=de, monkey: banana",
        "password_changed_at=2026-11-23, password_min_length=8",
        "PWD=/srv/app",
        "secretary: Ann",
        "route middleware auth:sanctum, auth:api",
        "Basic authentication-required",
        "Unexpected token: ';' at 3:1",
        "Method signature: charge(int $a)",
        "mkdir -p /srv/app",
        "mysql -u root shop < dump.sql",
        "['password', 'email'] are required",
        "<label>Password</label><b>x</b>",
        "https://www.example.org:8080/@scope/name",
        "https://cdn.example.org/npm/@vue/core@3.4.1/index.js",
        "key-value pairs of the turkey-sandwich",
        "The security: none, verification: done, csrf: true",
        "commit 3f2a9c1e8b7d6f5a4c3b2a1908f7e6d5c4b3a291 is not on main",
    ] {
        assert_eq!(scrubber().text(text), text);
    }
}

#[test]
fn statements_keep_their_form() {
    let insert = "(SQL: insert into `customers` (`name`, `token`) values (Ann \"A\" (Lee), word))";
    assert_eq!(scrubber().text(insert), "(SQL: insert into `customers` (`name`, `token`) values ([Filtered]))");
    let select = "select * from t where name = 'Ann' and city = Old Town limit 1";
    assert_eq!(scrubber().text(select), "select * from t where name = '[Filtered]' and city = [Filtered] limit 1");
    let subtracted = "update t set n = n - paid, m = m - late where name = 'Ann - Said Lee' - no such table: t";
    let scrubbed = scrubber().text(subtracted).into_owned();
    assert!(scrubbed.ends_with("where name = '[Filtered]' - no such table: t"), "{scrubbed}");
}

#[test]
fn what_a_database_says_behind_a_statement_stays() {
    for (text, scrubbed) in [
        ("select * from `t` where `id` = 1 - SQLITE_ERROR: no such table: t", None),
        ("select * from `t` where `id` = 1 - Table 'shop.t' doesn't exist", None),
        ("delete from \"t\" where \"id\" = $1 - relation \"t\" does not exist", None),
        (
            "insert into `t` (`a`) values ('Ann - Said Lee') - Duplicate entry for key 't.a'",
            Some("insert into `t` (`a`) values ([Filtered]) - Duplicate entry for key 't.a'"),
        ),
        (
            "insert into `t` (`a`) values ('O\\'Hara - Said Lee') - Column 'a' cannot be null",
            Some("insert into `t` (`a`) values ([Filtered]) - Column 'a' cannot be null"),
        ),
        (
            "(SQL: select * from `t` where `name` = Ann - Mary Lee)",
            Some("(SQL: select * from `t` where `name` = [Filtered])"),
        ),
    ] {
        assert_eq!(scrubber().text(text), scrubbed.unwrap_or(text));
    }
}

#[test]
fn code_keeps_everything_but_literals() {
    let code = "if ($token === null) { $password = $input['password']; throw new Err('no token: ' . $id); }";
    assert_eq!(scrubber().source(code), code);
    assert_eq!(scrubber().source("const apiKey = 'f3a9c2d7e1';"), "const apiKey = '[Filtered]';");
}

#[test]
fn own_rules_and_the_allow_list_are_kept_to() {
    let settings = Settings {
        rules: vec![Rule { pattern: "NIK ([0-9]{4})[0-9]{12}".to_owned(), replacement: "NIK $1…".to_owned() }],
        allow: vec!["page_token".to_owned(), "dev-word-1".to_owned()],
        ..Settings::default()
    };
    let scrubber = Scrubber::new(&settings, false).unwrap();
    let text = "NIK 1234567890123456 page_token=abc12345 password=dev-word-1 password=other1";
    assert_eq!(scrubber.text(text), "NIK 1234… page_token=abc12345 password=dev-word-1 password=[Filtered]");
    let settings = Settings { rules: vec![Rule { pattern: "(".to_owned(), replacement: String::new() }], ..settings };
    assert!(Scrubber::new(&settings, false).unwrap_err().to_string().starts_with("scrub.rules: `(` is not"));
}

#[test]
fn personal_data_may_be_sent_where_that_is_said() {
    let scrubber = Scrubber::new(&Settings::default(), true).unwrap();
    let text = "ann@mail.example.org from 203.0.114.9";
    assert_eq!(scrubber.text(text), text);
}

#[test]
fn hostile_texts_take_linear_time() {
    for unit in [
        "password: ",
        "key",
        "://",
        "values (",
        "(1): a('",
        "eyJ.",
        "@a.",
        "1 ",
        "insert into ",
        "where = ",
        "-----begin ",
        "-----end PRIVATE KEY",
        "-----BEGIN PRIVATE KEY-----",
        "jdbc:oracle:a/",
        "AAAA\n",
        "SK",
        "SG.",
        "curl ",
        "mysql ",
        "password\\u0022:\\u0022",
        "<password>",
        "token%22%3a",
        "://a:b/",
        "$2y$",
    ] {
        let text = unit.repeat(400_000 / unit.len());
        let started = std::time::Instant::now();
        let _ = scrubber().text(&text);
        assert!(started.elapsed().as_secs() < 3, "{unit}");
    }
}
