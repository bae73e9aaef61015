//! Values that are secret because of the name before them.
//!
//! In: a text and the place of a word like `token` in it. Out: the place of the value, if the name around the word is a
//! secret's. Invariant: names are looked at for at most 64 bytes on each side. Where a value stands is `place`'s to say.

mod place;

use self::place::Mark;
use super::{Hit, Mode};

/// Words that a secret's name holds,
const ANYWHERE: [&str; 5] = ["password", "passwd", "passphrase", "secret", "credential"];
/// or ends with.
const LAST: [&str; 44] = [
    "pwd",
    "pass",
    "passcode",
    "pw",
    "token",
    "tokens",
    "apikey",
    "accesskey",
    "accesskeyid",
    "privatekey",
    "encryptionkey",
    "signingkey",
    "serverkey",
    "clientkey",
    "masterkey",
    "authkey",
    "accountkey",
    "accountsharedkey",
    "sharedaccesskey",
    "sharedkey",
    "appkey",
    "licensekey",
    "authorization",
    "auth",
    "cookie",
    "cookies",
    "sessionid",
    "sessid",
    "cvv",
    "cvc",
    "otp",
    "otpcode",
    "authcode",
    "authorizationcode",
    "verificationcode",
    "securitycode",
    "recoverycode",
    "accesscode",
    "csrf",
    "xsrf",
    "hmac",
    "ssn",
    "iban",
    "samlresponse",
];
/// Words that end as secrets do, or hold such a word, and are none.
const NONE: [&str; 11] = [
    "secretary",
    "publickeytoken",
    "cancellationtoken",
    "secretname",
    "passwordreset",
    "passwordresets",
    "passwordpolicy",
    "passwordlength",
    "secretsmanager",
    "metadatatoken",
    "credentialtype",
];
/// `password_changed_at`, `credentialsProvider`: what is said about one.
const ABOUT: [&str; 17] = [
    "at", "length", "policy", "count", "required", "enabled", "attempts", "type", "rules", "strength", "field",
    "provider", "broker", "manager", "expires", "changed", "age",
];

/// Bytes that a name may go on before or behind the word in it.
const NAME_BYTES: usize = 64;

/// The value behind the name around `text[start..end]`, if the name is a secret's.
pub(super) fn value(text: &str, start: usize, end: usize, mode: Mode, allowed: impl Fn(&str) -> bool) -> Option<Hit> {
    let bytes = text.as_bytes();
    let name_start = (start.saturating_sub(NAME_BYTES)..start)
        .rev()
        .find(|at| !is_name(bytes[*at]))
        .map_or(start.saturating_sub(NAME_BYTES), |at| at + 1);
    let name_end = bytes.len().min(end + NAME_BYTES);
    // `sid=` ends with its separator.
    let from = if bytes[end - 1] == b'=' { end - 1 } else { end };
    let name_end = (from..name_end).find(|at| !is_name(bytes[*at])).unwrap_or(name_end);
    let name = text.get(name_start..name_end)?;
    if allowed(name) {
        return None;
    }
    let (value, mark) = place::begin(bytes, name_start, name_end)?;
    if !is_secret(name) && (mark == Mark::Option || !is_secret_if_random(name, mark, &text[value..])) {
        return None;
    }
    let to_line_end = mark == Mark::Colon && name.to_ascii_lowercase().ends_with("cookie");
    let (start, end) = place::extent(text, value, mark, to_line_end, mode)?;
    let found = text.get(start..end)?;
    let counted = name.to_ascii_lowercase().ends_with("tokens") && found.bytes().all(|c| c.is_ascii_digit());
    // The shell's working directory; what a parser met.
    let path = name.ends_with("PWD") && found.starts_with('/');
    let parsed = name == "token" && text[..name_start].ends_with("nexpected ");
    // Laravel's guards: auth:sanctum
    let guard = name == "auth" && mark == Mark::Colon && found.bytes().all(|c| c.is_ascii_lowercase());
    let is_none = counted || path || parsed || guard || allowed(found);
    (!is_none).then_some(Hit { start, end, rule: "secret field" })
}

/// `Bearer eyJ…`, `Basic dXNlcjpwdw==`, SMTP's `AUTH PLAIN AGFubgBwdzE=`.
pub(super) fn scheme(text: &str, start: usize, end: usize) -> Option<Hit> {
    let before = text[..start].chars().next_back();
    let token = &text[end..];
    let signs: &[u8] = if text[start..end].eq_ignore_ascii_case("bearer ") { b"-._~+/=" } else { b"+/=" };
    let length = token.bytes().take_while(|c| c.is_ascii_alphanumeric() || signs.contains(c)).count();
    let plausible = length >= 16 || length >= 8 && token[..length].bytes().any(|c| c.is_ascii_digit());
    (plausible && before.is_none_or(|c| !c.is_alphanumeric())).then_some(Hit {
        start: end,
        end: end + length,
        rule: "authorization",
    })
}

/// Whether a field of this name holds a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let mut flat = [0; 2 * NAME_BYTES + 32];
    let mut length = 0;
    for byte in name.bytes().filter(u8::is_ascii_alphanumeric).take(flat.len()) {
        flat[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    let Ok(flat) = std::str::from_utf8(&flat[..length]) else { return false };
    // `password2`, `x-hub-signature-256`.
    let name = name.trim_end_matches(|c: char| !c.is_ascii_alphabetic());
    let flat = flat.trim_end_matches(|c: char| c.is_ascii_digit());
    if NONE.iter().any(|word| flat.ends_with(word)) {
        return false;
    }
    // `author`, `compass`, `bypass`: a short word counts only where a word begins.
    let begins = |word: &str| {
        let at = flat.len() - word.len();
        at == 0 || word.len() > 5 || word_begins(name, word.len())
    };
    let is_about = ABOUT.iter().any(|word| flat.ends_with(word) && word_begins(name, word.len()));
    !is_about && ANYWHERE.iter().any(|word| flat.contains(word))
        || LAST.iter().any(|word| flat.ends_with(word) && begins(word))
}

/// Whether the last `letters` letters of a name are a word of it: `db_pass`, `dbPass`, `DB-PASS`, not `compass`.
fn word_begins(name: &str, letters: usize) -> bool {
    let mut seen = 0;
    let mut bytes = name.bytes().rev().peekable();
    let mut first = 0;
    while seen < letters {
        match bytes.next() {
            Some(byte) if byte.is_ascii_alphanumeric() => {
                seen += 1;
                first = byte;
            }
            Some(_) => {}
            None => return true,
        }
    }
    match bytes.peek() {
        None => true,
        Some(before) => !before.is_ascii_alphabetic() || first.is_ascii_uppercase() && before.is_ascii_lowercase(),
    }
}

/// `key=`, `sig=`, `code=`, `sid=` and names that end so are common words: their value must look random.
fn is_secret_if_random(name: &str, mark: Mark, value: &str) -> bool {
    // Keys that are no secrets, however random they are.
    const NONE: [&str; 12] = [
        "cache",
        "primary",
        "foreign",
        "idempotency",
        "routing",
        "partition",
        "sort",
        "row",
        "public",
        "object",
        "unique",
        "lock",
    ];
    let value = value.trim_start_matches(['\\', '"', '\'']);
    let length = value.bytes().take_while(|c| c.is_ascii_alphanumeric() || b"-_%+/=".contains(c)).count();
    let value = &value.as_bytes()[..length];
    let at_least = |most: usize| {
        length >= most && value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic)
    };
    let lower = name.to_ascii_lowercase();
    if lower.ends_with("key") {
        let other =
            NONE.iter().any(|word| lower.trim_end_matches("key").trim_end_matches(['-', '_', '.']).ends_with(word));
        return !other && at_least(if mark == Mark::Equals { 10 } else { 16 });
    }
    let last = lower.rsplit(['.', '-', '_']).next().unwrap_or(&lower);
    match last {
        "sig" | "code" | "sid" | "session" => mark == Mark::Equals && at_least(10),
        "pin" => (4..=8).contains(&length) && value.iter().all(u8::is_ascii_digit),
        _ if last.ends_with("signature") => at_least(16),
        // X-Hub-Signature-256: sha256=0a1b…
        _ if lower.contains("-signature") => length >= 6,
        _ => false,
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}
