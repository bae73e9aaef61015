//! Secrets that are known by their own shape, and the places that hold them without a name.
//!
//! In: a text and the place of a sign in it. Out: the place of the secret. Invariant: each function looks at a
//! stretch of text that no other call of it looks at again. Does not know names of fields.

use super::Hit;

/// A vendor's mark at the beginning of its keys.
pub(super) struct Shape {
    /// As it is written, in this case.
    pub(super) prefix: &'static str,
    /// Fewest characters behind the prefix.
    at_least: usize,
}

const fn shape(prefix: &'static str, at_least: usize) -> Shape {
    Shape { prefix, at_least }
}

/// The marks, from the vendors' documents on their keys.
pub(super) const PREFIXES: [Shape; 90] = [
    // JSON Web Tokens: `{"` in base64url.
    shape("eyJ", 10),
    // What Laravel encrypts: `{"iv":` in base64.
    shape("eyJpdiI6", 40),
    // AWS access keys.
    shape("AKIA", 12),
    shape("ASIA", 12),
    // Stripe.
    shape("sk_live_", 8),
    shape("sk_test_", 8),
    shape("pk_live_", 8),
    shape("rk_live_", 8),
    shape("rk_test_", 8),
    shape("whsec_", 12),
    shape("tok_", 8),
    // GitHub, GitLab.
    shape("ghp_", 20),
    shape("gho_", 20),
    shape("ghu_", 20),
    shape("ghs_", 20),
    shape("ghr_", 20),
    shape("github_pat_", 20),
    shape("glpat-", 16),
    shape("gldt-", 16),
    // Slack.
    shape("xoxb-", 10),
    shape("xoxp-", 10),
    shape("xoxa-", 10),
    shape("xoxr-", 10),
    shape("xoxs-", 10),
    shape("xapp-", 10),
    shape("hooks.slack.com/services/", 10),
    // Telegram's bots, Discord's webhooks.
    shape("api.telegram.org/bot", 20),
    shape("discord.com/api/webhooks/", 20),
    shape("discordapp.com/api/webhooks/", 20),
    // Google.
    shape("AIza", 30),
    shape("ya29.", 20),
    shape("GOCSPX-", 16),
    // SendGrid, npm, PyPI, Docker, Twilio, Shopify, OpenAI and Anthropic, DigitalOcean, Square.
    shape("SG.", 20),
    shape("npm_", 30),
    shape("pypi-", 30),
    shape("dckr_pat_", 16),
    shape("SK", 32),
    shape("shpat_", 20),
    shape("sk-ant-", 16),
    shape("sk-proj-", 16),
    shape("sk-", 32),
    shape("dop_v1_", 32),
    shape("sq0atp-", 16),
    // Google's refresh tokens and push tokens; Azure, Teams; what ASP.NET Core protects.
    shape("1//0", 30),
    shape("APA91b", 60),
    shape("webhook.office.com/webhookb2/", 20),
    shape("CfDJ8", 20),
    // Hashes of passwords.
    shape("$2y$", 50),
    shape("$2a$", 50),
    shape("$2b$", 50),
    shape("$argon2", 40),
    // AWS's other keys, Alibaba.
    shape("ABIA", 12),
    shape("ACCA", 12),
    shape("LTAI", 12),
    // More of Slack, GitLab, Shopify, Square, Stripe.
    shape("xoxc-", 10),
    shape("xoxd-", 10),
    shape("xoxe.", 10),
    shape("glrt-", 16),
    shape("glptt-", 16),
    shape("shpss_", 20),
    shape("shpca_", 20),
    shape("shppa_", 20),
    shape("sq0csp-", 16),
    shape("sk_org_", 8),
    // Razorpay, Xendit, Flutterwave, Mailgun, Brevo.
    shape("rzp_live_", 10),
    shape("rzp_test_", 10),
    shape("xnd_", 20),
    shape("FLWSECK", 20),
    shape("key-", 32),
    shape("xkeysib-", 30),
    shape("xsmtpsib-", 30),
    // Hugging Face, Groq, xAI, Replicate, Perplexity.
    shape("hf_", 30),
    shape("gsk_", 30),
    shape("xai-", 30),
    shape("r8_", 30),
    shape("pplx-", 30),
    // Sentry, Grafana, New Relic, HashiCorp Vault, Databricks, Atlassian, Linear, Notion, Postman, Figma, Supabase, PlanetScale, age.
    shape("sntrys_", 20),
    shape("sntryu_", 20),
    shape("glsa_", 20),
    shape("NRAK-", 20),
    shape("hvs.", 20),
    shape("dapi", 32),
    shape("ATATT3x", 20),
    shape("lin_api_", 20),
    shape("ntn_", 30),
    shape("PMAK-", 20),
    shape("figd_", 20),
    shape("sbp_", 30),
    shape("pscale_", 20),
    shape("AGE-SECRET-KEY-", 40),
];

/// A key that begins with its vendor's mark.
pub(super) fn prefixed(text: &str, start: usize, end: usize, shape: &Shape) -> Option<Hit> {
    let before = text[..start].chars().next_back();
    if &text[start..end] != shape.prefix || before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let dotted = matches!(shape.prefix, "eyJ" | "SG." | "ya29." | "xoxe.") || shape.prefix.contains('/');
    let hash = shape.prefix.starts_with('$');
    let argon = shape.prefix == "$argon2";
    let tail = text[end..]
        .bytes()
        .take_while(|c| {
            c.is_ascii_alphanumeric()
                || matches!(c, b'_' | b'-')
                || dotted && matches!(c, b'.' | b'/' | b':')
                || hash && matches!(c, b'.' | b'/' | b'$')
                || argon && matches!(c, b'=' | b',' | b'+')
        })
        .count();
    let tail = text[end..end + tail].trim_end_matches('.').len();
    let whole = &text[start..end + tail];
    if shape.prefix == "eyJ" && whole.split('.').count() < 3 {
        return None;
    }
    let has = |kind: fn(&u8) -> bool| whole.as_bytes().iter().any(kind);
    // `sk-` and `npm_` begin names, too: in these are no digits, and no capitals beside small letters.
    let mixed = has(u8::is_ascii_digit)
        || tail >= 16 && has(u8::is_ascii_uppercase) && (has(u8::is_ascii_lowercase) || shape.prefix.len() == 4);
    let hexadecimal =
        shape.prefix != "SK" || tail == 32 && whole[2..].bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    (tail >= shape.at_least && hexadecimal && (mixed || dotted)).then_some(Hit {
        // The host before a key says who was called.
        start: start + shape.prefix.find('/').unwrap_or(0),
        end: end + tail,
        rule: "key shape",
    })
}

// -----BEGIN RSA PRIVATE KEY-----
pub(super) fn private_key(text: &str, start: usize) -> Option<Hit> {
    let rest = &text[start + "-----BEGIN ".len()..];
    let head: String = rest.chars().take(48).collect();
    let name = &head[..head.find("-----")?];
    if !name.ends_with("PRIVATE KEY") && !name.ends_with("PRIVATE KEY BLOCK") {
        return None;
    }
    let close = format!("-----END {name}-----");
    let end = memchr::memmem::find(rest.as_bytes(), close.as_bytes()).map_or_else(
        // Cut off: all that can be of a key.
        || name.len() + 5 + rest[name.len() + 5..].bytes().take_while(|c| is_of_key(*c)).count(),
        |at| at + close.len(),
    );
    Some(Hit { start, end: start + "-----BEGIN ".len() + end, rule: "private key" })
}

// QyNTUxOQAAACBW\n-----END OPENSSH PRIVATE KEY-----
/// The end of a key whose beginning was cut off; nothing before `from` is looked at.
pub(super) fn private_key_end(text: &str, from: usize, start: usize) -> Option<Hit> {
    let name: String = text[start..].chars().take(60).collect();
    if !name.contains("PRIVATE KEY") {
        return None;
    }
    let length = text.as_bytes()[from..start].iter().rev().take(MAX_KEY_BYTES).take_while(|c| is_of_key(**c)).count();
    Some(Hit { start: start - length, end: start, rule: "private key" })
}

/// Bytes of a private key's text, about, of the longest kind in use.
const MAX_KEY_BYTES: usize = 16 * 1024;

/// Base64, and what parts its lines, escaped or not.
fn is_of_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\n' | b'\r' | b'\\')
}

// mysqldump -u shop -pword db · curl -u ann:word https://…
/// The password of a command's short option; only the rest of a line near it is looked at.
pub(super) fn option(text: &str, end: usize) -> Option<Hit> {
    let bytes = &text.as_bytes()[end..];
    let near = bytes[..bytes.len().min(256)].iter().position(|c| *c == b'\n').unwrap_or(bytes.len().min(256));
    let curl = text[..end].ends_with("curl ");
    let sign: &[u8] = if curl { b"-u " } else { b" -p" };
    let mut at = memchr::memmem::find(&bytes[..near], sign)? + sign.len();
    at += usize::from(matches!(bytes.get(at), Some(b'\'' | b'"')));
    let is_end = |c: &u8| c.is_ascii_whitespace() || b"\"'".contains(c);
    let length = bytes[at..].iter().position(is_end).unwrap_or(bytes.len() - at);
    let from = if curl { memchr::memchr(b':', &bytes[at..at + length])? + 1 } else { 0 };
    Some(Hit { start: end + at + from, end: end + at + length, rule: "command option" })
}

// jdbc:oracle:thin:shop/word@db:1521/xe
pub(super) fn oracle(text: &str, end: usize) -> Option<Hit> {
    let rest = &text.as_bytes()[end..];
    let length = rest.iter().take(256).take_while(|c| !c.is_ascii_whitespace() && !b"\"'".contains(c)).count();
    let slash = memchr::memchr(b'/', &rest[..length])?;
    let at = memchr::memrchr(b'@', &rest[..length]).filter(|at| *at > slash + 1)?;
    Some(Hit { start: end + slash + 1, end: end + at, rule: "connection string" })
}

// postgres://user:word@host/db
pub(super) fn userinfo(text: &str, start: usize, end: usize) -> Option<Hit> {
    if !text[..start].ends_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let rest = &text.as_bytes()[end..];
    let length = rest
        .iter()
        .position(|c| {
            matches!(c, b'/' | b'?' | b'#' | b' ' | b'"' | b'\'' | b'\n' | b'\r' | b'\t' | b'<' | b'>' | b'\\')
        })
        .unwrap_or(rest.len());
    let at = match memchr::memrchr(b'@', &rest[..length]) {
        Some(at) => at,
        // Cut off within: what stands behind a colon and is no port, is a password's beginning.
        None if length == rest.len() => {
            let colon = memchr::memchr(b':', rest).filter(|_| rest.first() != Some(&b'['))?;
            (!rest[colon + 1..].iter().all(u8::is_ascii_digit)).then_some(length)?
        }
        // redis://:pa/word@host: a password that is not escaped, as no port holds such.
        None => {
            let colon = memchr::memchr(b':', &rest[..length]).filter(|_| rest.first() != Some(&b'['))?;
            let port = rest[colon + 1..length].iter().all(u8::is_ascii_digit) && colon > 0;
            let window =
                rest[..rest.len().min(128)].iter().position(|c| c.is_ascii_whitespace() || b"\"'<>\\".contains(c));
            let window = window.unwrap_or(rest.len().min(128));
            memchr::memrchr(b'@', &rest[..window]).filter(|at| !port && *at > length)?
        }
    };
    Some(Hit { start: end, end: end + at, rule: "URL user" })
}

// #0 /srv/pdo.php(5): PDO->__construct('mysql:host=db', 'shop', 'word', Array)
/// The strings among a PHP frame's arguments, from the first to the last; and up to where the text was looked at.
pub(super) fn php_arguments(text: &str, start: usize, end: usize) -> (Option<Hit>, usize) {
    let bytes = text.as_bytes();
    let digits = bytes[..start].iter().rev().take(10).take_while(|c| c.is_ascii_digit()).count();
    let placed = digits > 0 && bytes[..start - digits].last() == Some(&b'(');
    if !placed && !text[..start].ends_with("internal function") {
        return (None, end);
    }
    let name = bytes[end..]
        .iter()
        .take(256)
        .take_while(|c| c.is_ascii_alphanumeric() || b"\\_->:{}@$.".contains(c) || !c.is_ascii())
        .count();
    if name == 0 || bytes.get(end + name) != Some(&b'(') {
        return (None, end);
    }
    let open = end + name;
    let line_end = memchr::memchr(b'\n', &bytes[open..]).map_or(bytes.len(), |at| open + at);
    // Arguments that are cut by a JSON escape end there.
    let line_end = memchr::memmem::find(&bytes[open..line_end], b"\\n#").map_or(line_end, |at| open + at);
    let list = &bytes[open..line_end];
    let first = memchr::memchr(b'\'', list);
    let last = memchr::memrchr(b'\'', list);
    let hit = match (first, last) {
        (Some(first), Some(last)) if first < last => {
            Some(Hit { start: open + first + 1, end: open + last, rule: "PHP arguments" })
        }
        // Cut off within the string.
        (Some(first), _) => Some(Hit { start: open + first + 1, end: line_end, rule: "PHP arguments" }),
        _ => None,
    };
    (hit, line_end)
}
