//! From evidence and lists to a verdict, for one print of an exception.
//!
//! In: a record, and what the other prints of the same occurrence tell. Out: its verdict. Invariant: the reasons
//! tell every step, in the order in which they were asked. Does not look at other records.

use errtail_parsers::{Frame, Level, Platform, Record};

use super::evidence::{Evidence, Strength};
use super::rules::{Effects, RuleAction, Subject};
use super::settings::SdkReports;
use super::taxonomy::Finding;
use super::{Action, Category, Policy, Verdict};

/// What one record tells by itself.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) evidence: Evidence,
    finding: Finding,
}

/// What a print is among those of its occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// The one that stands for it.
    Leader,
    /// Another print; the text names the leader's place.
    Print(String),
}

/// What is known of the whole occurrence and of the whole file.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) role: Role,
    /// Handled or not, by the print that tells most, with its reason.
    pub(super) decided_by: &'a Evidence,
    /// Where the log shows that the application reports to Sentry itself.
    pub(super) sentry_sdk: Option<&'a str>,
}

impl Policy {
    /// What `record` tells by itself.
    pub(super) fn draft(&self, record: &Record) -> Draft {
        Draft {
            evidence: self.reporters.evidence(record, &self.settings),
            finding: self.taxonomy.classify(record, &self.hosts),
        }
    }

    /// The verdict on `record`.
    pub(super) fn conclude(&self, record: &Record, draft: &Draft, context: &Context<'_>) -> Verdict {
        let mut handled = context.decided_by.handled;
        let mut reasons = vec![context.decided_by.reason.clone(), draft.finding.reason.clone()];
        if handled != Some(true) && is_answered(record, draft.finding.category, context.decided_by.strength) {
            handled = Some(true);
            reasons.push("handled: the server answers the client with its mistake".to_owned());
        }
        let mut category = draft.finding.category;
        if is_refusal(record) && matches!(category, Category::Defect | Category::Infra | Category::Integration) {
            category = Category::Http;
            reasons.push("http: Symfony logs as error what it answers with a 4xx, as critical what failed".to_owned());
        }
        if let Role::Print(leader) = &context.role {
            reasons.push(format!("duplicate: another print of the occurrence that {leader} stands for"));
            return Verdict {
                handled,
                category,
                action: Action::Duplicate,
                reasons,
                effects: Effects::default(),
                dropped: None,
            };
        }
        let environment = record.environment.as_deref().or(self.environment.as_deref());
        let subject = Subject { record, environment, handled, category };
        let rule = self.rules.first_match(&subject);
        if let Some(changed) = rule.and_then(|rule| rule.category) {
            category = changed;
        }
        let ruled = rule.and_then(|rule| rule.action);
        let dropped = match ruled {
            Some(RuleAction::Send) => None,
            Some(RuleAction::Drop) => Some(("rule", "a rule drops it".to_owned())),
            None => self.against(record, environment, handled, category, context.sentry_sdk),
        };
        if let Some(rule) = rule {
            reasons.push(format!("rule: {} matches", rule.name));
        }
        let action = if dropped.is_some() { Action::Drop } else { Action::Send };
        reasons.push(match &dropped {
            Some((_, why)) => format!("drop: {why}"),
            None if ruled.is_some() => "send: a rule sends it".to_owned(),
            None if handled.is_none() => format!("send: {} is sent unless it was handled", category.name()),
            None => format!("send: {} that nobody handled is sent", category.name()),
        });
        Verdict {
            handled,
            category,
            action,
            reasons,
            effects: rule.map(|rule| rule.effects.clone()).unwrap_or_default(),
            dropped: dropped.map(|(word, _)| word),
        }
    }

    /// What speaks against sending, the first of it: in one word, and told.
    fn against(
        &self,
        record: &Record,
        environment: Option<&str>,
        handled: Option<bool>,
        category: Category,
        sentry_sdk: Option<&str>,
    ) -> Option<(&'static str, String)> {
        let settings = &self.settings;
        if let Some(name) = environment.filter(|name| settings.reported_environment(name).is_none()) {
            return Some((
                "environment",
                format!("environment {name} is not one of {}", settings.environments.join(", ")),
            ));
        }
        if handled == Some(true) && !settings.send_handled {
            return Some(("handled", "handled exceptions are not sent".to_owned()));
        }
        if !settings.categories.contains(&category) {
            let name = category.name();
            return Some((name, format!("{name} is not one of the categories that are sent")));
        }
        let failed = record.request.as_ref().and_then(|request| request.status).is_some_and(|status| status >= 500);
        let contradicted = handled != Some(false) || !failed;
        if contradicted && record.level.is_some_and(|level| level < settings.min_level) {
            return Some(("level", "its level is below the lowest that is sent".to_owned()));
        }
        match sentry_sdk {
            Some(place) if settings.sentry_sdk == SdkReports::Skip => {
                Some(("sentry_sdk", format!("the application reports to Sentry itself: {place}")))
            }
            _ => None,
        }
    }
}

/// Node's servers print what they answer with a 4xx; outside of a server nobody answers.
fn is_answered(record: &Record, category: Category, strength: Strength) -> bool {
    const SERVERS: [&str; 8] =
        ["express.", "koa.", "fastify.", "nest.", "sveltekit.", "pino_http", "node.bare_", "node.answered"];
    let mechanism = record.mechanism.as_ref().map_or("node.bare_stack", |mechanism| mechanism.kind.as_str());
    record.platform == Platform::Node
        && (category == Category::Http || category == Category::Validation && strength < Strength::Certain)
        && SERVERS.iter().any(|server| mechanism.starts_with(server))
}

// [2024-03-02T10:11:12+00:00] request.ERROR: Uncaught PHP Exception App\Http\Closed: "closed" at Shop.php line 9
/// Whether Symfony's listener says by its level that the exception carries a 4xx.
fn is_refusal(record: &Record) -> bool {
    record.level == Some(Level::Error)
        && record.mechanism.as_ref().is_some_and(|mechanism| mechanism.kind == "symfony.uncaught")
        && record.message.as_ref().is_some_and(|message| message.contains("Uncaught PHP Exception "))
}

/// Where a record shows that Sentry's SDK runs in the application.
pub(super) fn sentry_sdk(record: &Record) -> Option<String> {
    record.exceptions.iter().find_map(|exception| {
        let name = exception.frames.fact(|frames| SdkName(sdk_name(frames).map(str::to_owned)));
        Some(format!("{} in the trace at line {}", name.0.as_ref()?, record.source.first_line))
    })
}

/// What names Sentry's SDK in a trace, where anything does.
struct SdkName(Option<String>);

fn sdk_name(frames: &[Frame]) -> Option<&str> {
    let mut named = frames.iter().flat_map(|frame| [frame.module.as_deref(), frame.file.as_deref()]).flatten();
    named.find(|name| {
        let begins = ["Sentry\\", "Sentry."].iter().any(|prefix| name.starts_with(prefix));
        begins || ["/sentry/sentry", "node_modules/@sentry/"].iter().any(|part| name.contains(part))
    })
}
