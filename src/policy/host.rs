//! Whose host it is: one's own or a third party's.
//!
//! In: the texts of an exception (messages, properties). Out: the host that they name, whose it is, and the port.
//! Invariant: a text without a host says nothing. Does not resolve names.

use std::net::IpAddr;

use super::PolicyError;
use super::glob::Glob;

/// Bytes of a message in which a host is sought.
const SOUGHT_BYTES: usize = 2048;

/// Ports of databases, caches, brokers, mail and directory servers: what is called there is infrastructure.
const INFRA_PORTS: &[u16] = &[
    25, 53, 110, 111, 143, 389, 465, 587, 636, 993, 995, 1025, 1433, 1434, 1521, 1883, 2025, 2049, 2181, 2379, 2525,
    3306, 3307, 4222, 5432, 5433, 5671, 5672, 6379, 6380, 6432, 6650, 7000, 7687, 8086, 8125, 8883, 9000, 9042, 9092,
    9093, 9094, 9200, 9300, 11211, 11300, 15672, 26257, 26379, 27017, 27018, 27019, 33060, 50000, 61613, 61616,
];

/// Whose a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The application's own network.
    Own,
    /// This machine: a service of one's own, or a proxy to anyone.
    Loopback,
    /// A public name or address.
    ThirdParty,
}

/// A host that a text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// As the text spells it.
    pub(super) host: String,
    /// Whose it is.
    pub(super) owner: Owner,
    /// The port, where the text names one.
    pub(super) port: Option<u16>,
}

impl Endpoint {
    /// Whether the port is that of a database, a cache, a broker or a mail server.
    pub(super) fn is_infra_port(&self) -> bool {
        self.port.is_some_and(|port| INFRA_PORTS.contains(&port))
    }
}

/// Which hosts are whose, by the configuration and by their names.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    own: Vec<Glob>,
    third_party: Vec<Glob>,
}

impl Hosts {
    /// The configured names.
    pub(super) fn new(own: &[String], third_party: &[String]) -> Result<Hosts, PolicyError> {
        Ok(Hosts { own: globs("policy.own_hosts", own)?, third_party: globs("policy.third_party_hosts", third_party)? })
    }

    /// The first host that `text` names.
    pub(super) fn find(&self, text: &str) -> Option<Endpoint> {
        let text = cut(text, SOUGHT_BYTES);
        let found = in_url(text).or_else(|| after_phrase(text)).or_else(|| host_and_port(text));
        let (host, port) = found.or_else(|| in_parentheses(text))?;
        Some(Endpoint { owner: self.owner(&host), host, port })
    }

    fn owner(&self, host: &str) -> Owner {
        if self.third_party.iter().any(|glob| glob.matches(host)) {
            return Owner::ThirdParty;
        }
        if self.own.iter().any(|glob| glob.matches(host)) {
            return Owner::Own;
        }
        match host.parse::<IpAddr>() {
            Ok(address) => owner_of_address(address),
            Err(_) => owner_of_name(host),
        }
    }
}

fn globs(place: &str, patterns: &[String]) -> Result<Vec<Glob>, PolicyError> {
    let empty = patterns.iter().find(|pattern| pattern.trim().is_empty());
    match empty {
        Some(pattern) => Err(PolicyError::Pattern {
            place: place.to_owned(),
            pattern: pattern.clone(),
            cause: "is empty; name a host, such as \"*.example.com\"".to_owned(),
        }),
        None => Ok(patterns.iter().map(|pattern| Glob::any_case(pattern)).collect()),
    }
}

fn owner_of_address(address: IpAddr) -> Owner {
    let own = match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64,
        IpAddr::V6(v6) => v6.segments()[0] & 0xfe00 == 0xfc00 || v6.segments()[0] & 0xffc0 == 0xfe80,
    };
    if address.is_loopback() || address.is_unspecified() {
        Owner::Loopback
    } else if own {
        Owner::Own
    } else {
        Owner::ThirdParty
    }
}

/// Names without a public domain are one's own: single labels, and the domains that no registry sells.
fn owner_of_name(name: &str) -> Owner {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if name == "localhost" || name.ends_with(".localhost") || name == "host.docker.internal" {
        return Owner::Loopback;
    }
    let private =
        [".local", ".svc", ".internal", ".intranet", ".intra", ".lan", ".corp", ".home.arpa", ".consul", ".cluster"];
    if !name.contains('.') || private.iter().any(|end| name.ends_with(end)) { Owner::Own } else { Owner::ThirdParty }
}

/// Where libraries send their reader: nobody was called there.
const MANUALS: [&str; 2] = ["curl.haxx.se", "curl.se"];

/// `… for "https://api.example.com:8443/v1/pay"`
fn in_url(text: &str) -> Option<(String, Option<u16>)> {
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#', '"', '\'', '`', ' ', ')', ']', ',', '\n', '\\']).next()?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    host_port(authority).filter(|(host, _)| !MANUALS.contains(&host.as_str())).or_else(|| in_url(rest))
}

/// `cURL error 6: Could not resolve host: api.example.com (see …)`
fn after_phrase(text: &str) -> Option<(String, Option<u16>)> {
    const PHRASES: [&str; 8] = [
        "resolve host: ",
        "resolve host ",
        "getaddrinfo for ",
        "getaddrinfo ENOTFOUND ",
        "getaddrinfo EAI_AGAIN ",
        "Failed to connect to ",
        "Unable to connect to ",
        "connection to server at ",
    ];
    PHRASES.iter().find_map(|phrase| {
        let (_, rest) = text.split_once(phrase)?;
        let rest = rest.trim_start_matches(['"', '\'']);
        let end = rest.find([' ', '"', '\'', ',', ';', '(', ')', '\n']).unwrap_or(rest.len());
        let (host, port) = host_port(rest[..end].trim_end_matches(['.', ':']))?;
        // `Failed to connect to 10.0.0.7 port 8443 after 2 ms`
        let named = rest[end..].trim_start_matches(['"', '\'', ',', ' ']).strip_prefix("port ");
        let digits = named.map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default());
        Some((host, port.or_else(|| digits?.parse().ok())))
    })
}

/// `connect ECONNREFUSED 10.0.0.7:5432`, `Connection refused (pricing.example.com:443)`
fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    text.split([' ', '(', ')', '"', '\'', '`', ',', ';', '\n', '=', '<', '>', '|']).find_map(|word| {
        let word = word.trim_end_matches(['.', ':', ']']);
        let (host, port) = host_port(word)?;
        (port.is_some() && (host.contains('.') || host == "localhost" || host.contains(':'))).then_some((host, port))
    })
}

/// `Connection refused (ledger:443)`: a single label, which elsewhere could be any word before a number.
fn in_parentheses(text: &str) -> Option<(String, Option<u16>)> {
    let (_, rest) = text.split_once('(')?;
    let (inner, _) = rest.split_once(')')?;
    let found = host_port(inner).filter(|(_, port)| port.is_some());
    found.or_else(|| in_parentheses(rest))
}

/// `[::1]:443`, `::1:6379`, `example.com:443`, `example.com`
fn host_port(text: &str) -> Option<(String, Option<u16>)> {
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return Some((host.to_owned(), rest.strip_prefix(':').and_then(|port| port.parse().ok())));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (text, None),
    };
    let plain = |host: &str| host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    let letters = host.bytes().any(|b| b.is_ascii_alphanumeric());
    ((plain(host) && letters) || host.parse::<IpAddr>().is_ok()).then(|| (host.to_owned(), port))
}

/// At most `limit` bytes of the beginning of `text`, cut between characters.
pub(super) fn cut(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::{Hosts, Owner};

    fn found(text: &str) -> Option<(String, Owner, Option<u16>)> {
        Hosts::default().find(text).map(|endpoint| (endpoint.host, endpoint.owner, endpoint.port))
    }

    #[test]
    fn finds_hosts_where_runtimes_print_them() {
        let cases = [
            ("connect ECONNREFUSED 10.1.2.3:5432", "10.1.2.3", Owner::Own, Some(5432)),
            ("connect ECONNREFUSED ::1:6379", "::1", Owner::Loopback, Some(6379)),
            ("getaddrinfo ENOTFOUND api.partner.example", "api.partner.example", Owner::ThirdParty, None),
            ("Connection refused (ledger.internal:443)", "ledger.internal", Owner::Own, Some(443)),
            ("Name or service not known (ledger:80)", "ledger", Owner::Own, Some(80)),
            (
                "cURL error 6: Could not resolve host: rates (see https://curl.se/libcurl/c/libcurl-errors.html)",
                "rates",
                Owner::Own,
                None,
            ),
            ("(see https://curl.haxx.se/libcurl/) for http://rates.svc/eur", "rates.svc", Owner::Own, None),
            ("Failed to connect to 127.0.0.1 port 8123 after 0 ms", "127.0.0.1", Owner::Loopback, Some(8123)),
            ("`POST https://u:p@pay.example.com/v1` resulted in", "pay.example.com", Owner::ThirdParty, None),
            ("Connection refused [tcp://cache.shop.svc:6379]", "cache.shop.svc", Owner::Own, Some(6379)),
        ];
        for (text, host, owner, port) in cases {
            assert_eq!(found(text), Some((host.to_owned(), owner, port)), "{text}");
        }
        assert_eq!(found("Undefined array key \"total\" at 12:30"), None);
    }

    #[test]
    fn the_configuration_names_others() {
        let hosts = Hosts::new(&["*.shop.example".to_owned()], &["mesh.internal".to_owned()]);
        let hosts = hosts.expect("valid names");
        assert_eq!(hosts.find("https://api.shop.example/").map(|e| e.owner), Some(Owner::Own));
        assert_eq!(hosts.find("http://mesh.internal/").map(|e| e.owner), Some(Owner::ThirdParty));
        assert!(Hosts::new(&[" ".to_owned()], &[]).is_err());
    }
}
