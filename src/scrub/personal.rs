//! Card numbers, and personal data: e-mail addresses and public IP addresses.
//!
//! In: a text. Out: places in it. Invariant: private, loopback and version-like addresses stay, they say where a
//! failure is and not who was served. Does not decide whether personal data may be sent.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Hit;

/// The address around the `@` at `at`.
pub(super) fn email(text: &str, at: usize) -> Option<Hit> {
    // `fn@app.js:1:2`, `getty@tty1.service` and packages' versions are no addresses.
    const NO_DOMAINS: [&str; 14] =
        ["js", "mjs", "cjs", "ts", "jsx", "tsx", "php", "py", "rb", "cs", "vue", "json", "service", "html"];
    let bytes = text.as_bytes();
    let local = bytes[at.saturating_sub(64)..at]
        .iter()
        .rev()
        .take_while(|c| c.is_ascii_alphanumeric() || b"._%+-".contains(c) || !c.is_ascii())
        .count();
    let domain =
        bytes[at + 1..].iter().take(255).take_while(|c| c.is_ascii_alphanumeric() || b".-".contains(c)).count();
    let domain = text[at + 1..at + 1 + domain].trim_end_matches(['.', '-']);
    let (_, top) = domain.rsplit_once('.')?;
    let plain = top.len() >= 2 && top.bytes().all(|c| c.is_ascii_alphabetic()) && !domain.contains("..");
    if local == 0 || !plain || NO_DOMAINS.contains(&top.to_ascii_lowercase().as_str()) {
        return None;
    }
    let mut start = at - local;
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let git = &text[start..at] == "git";
    (!git).then_some(Hit { start, end: at + 1 + domain.len(), rule: "e-mail address" })
}

/// Card numbers and, if `addresses`, public IP addresses: what begins with a digit at the beginning of a word.
pub(super) fn numbers(text: &str, addresses: bool, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(u8::is_ascii_digit) {
        let start = at + found;
        let before = start.checked_sub(1).map(|before| bytes[before]);
        if before.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-')) {
            at = start + bytes[start..].iter().take_while(|c| c.is_ascii_alphanumeric()).count();
            continue;
        }
        // An address of version 6 has 39 bytes, a card in groups has fewer.
        let length = bytes[start..]
            .iter()
            .take(40)
            .take_while(|c| c.is_ascii_hexdigit() || matches!(c, b'.' | b':' | b'-' | b' '))
            .count();
        at = start + bytes[start..start + length].iter().take_while(|c| c.is_ascii_alphanumeric()).count().max(1);
        let end = card(&bytes[start..start + length.min(32)])
            .map(|length| (length, "card number"))
            .or_else(|| if addresses { address(text, start, length) } else { None });
        if let Some((length, rule)) = end {
            hits.push(Hit { start, end: start + length, rule });
            at = start + length;
        }
    }
}

/// 13 to 19 digits, in groups or not, that begin as cards do and pass Luhn's check.
fn card(bytes: &[u8]) -> Option<usize> {
    let mut digits = [0_u8; 19];
    let mut count = 0;
    let mut length = 0;
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' if count == 19 => return None,
            b'0'..=b'9' => {
                digits[count] = byte - b'0';
                count += 1;
                length = index + 1;
            }
            // A group is at least three digits, and one blank or dash parts two.
            b' ' | b'-' if index + 1 < bytes.len() && bytes[index + 1].is_ascii_digit() && count >= 3 => {}
            b' ' | b'-' => break,
            _ => return None,
        }
    }
    let digits = &digits[..count];
    let brand = match digits {
        [3..=6, ..] => true,
        [2, 2..=7, ..] => count == 16,
        _ => false,
    };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let value = u32::from(*digit) * if index % 2 == 1 { 2 } else { 1 };
            if value > 9 { value - 9 } else { value }
        })
        .sum();
    let varied = digits.iter().any(|digit| Some(digit) != digits.first());
    (count >= 13 && brand && varied && sum.is_multiple_of(10)).then_some(length)
}

/// A public IP address at `start`.
fn address(text: &str, start: usize, length: usize) -> Option<(usize, &'static str)> {
    let run = &text[start..start + length];
    let dotted = run.bytes().take(16).take_while(|c| c.is_ascii_digit() || *c == b'.').count();
    let v4 = run[..dotted].trim_end_matches('.');
    if let Ok(address) = v4.parse::<Ipv4Addr>() {
        return is_public(address, &text[..start], &text[start + v4.len()..]).then_some((v4.len(), "IP address"));
    }
    // A global unicast address begins with 2 or 3 and has four digits in its first group.
    let word = run.bytes().take(40).take_while(|c| c.is_ascii_hexdigit() || *c == b':').count();
    let v6 = run[..word].trim_end_matches(':');
    let global = v6.find(':') == Some(4) && v6.starts_with(['2', '3']);
    (global && v6.parse::<Ipv6Addr>().is_ok()).then_some((v6.len(), "IP address"))
}

fn is_public(address: Ipv4Addr, before: &str, after: &str) -> bool {
    // `Version=4.0.0.0`, `Chrome/120.0.0.0`, `v1.2.3.4`: a version; a network's own address ends with zero.
    let version = before.ends_with("ersion=")
        || before.ends_with("ersion ")
        || before.ends_with('/') && !before.ends_with("//")
        || address.octets()[3] == 0;
    let local = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast();
    let goes_on = after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        || after.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()));
    !version && !local && !goes_on
}
