//! Who printed an exception: by its logger, else by the words that frameworks use.
//!
//! In: a record. Out: its `mechanism`, where the text tells. Invariant: names are those of the table in `dotnet.rs`.
//! Does not judge: most reports say nothing of whether the application caught the exception afterwards.

use crate::record::Record;

/// Loggers, by the beginning of their name.
const LOGGERS: &[(&str, &str, Option<bool>)] = &[
    ("Microsoft.AspNetCore.Server.Kestrel", "aspnetcore.kestrel", Some(false)),
    ("Microsoft.AspNetCore.Server.IIS", "aspnetcore.iis", Some(false)),
    ("Microsoft.AspNetCore.Server.HttpSys", "aspnetcore.kestrel", Some(false)),
    ("Microsoft.AspNetCore.Diagnostics.ExceptionHandlerMiddleware", "aspnetcore.exception_handler", Some(false)),
    ("Microsoft.AspNetCore.Diagnostics.DeveloperExceptionPageMiddleware", "aspnetcore.developer_page", Some(false)),
    ("Microsoft.AspNetCore.Components.Server.Circuits", "aspnetcore.blazor_circuit", Some(false)),
    ("Microsoft.AspNetCore.Components", "aspnetcore.blazor_circuit", Some(false)),
    ("Microsoft.AspNetCore.SignalR", "aspnetcore.signalr", None),
    ("Microsoft.AspNetCore.Authentication", "aspnetcore.auth", None),
    ("Microsoft.AspNetCore.Antiforgery", "aspnetcore.antiforgery", None),
    ("Microsoft.AspNetCore.DataProtection", "aspnetcore.data_protection", None),
    ("Microsoft.AspNetCore.Session", "aspnetcore.data_protection", None),
    ("Microsoft.Extensions.Diagnostics.HealthChecks", "aspnetcore.health_checks", None),
    ("Microsoft.Extensions.Hosting.Internal.Host", "dotnet.hosted_service", Some(false)),
    ("Microsoft.EntityFrameworkCore", "efcore", None),
    ("System.Net.Http.HttpClient", "httpclient", None),
    ("Polly", "polly", None),
    ("Grpc.AspNetCore.Server", "grpc.server", Some(false)),
    ("Host.Results", "webjobs", Some(false)),
    ("Function.", "webjobs", Some(false)),
    ("Hangfire", "hangfire", Some(false)),
    ("Quartz", "quartz", Some(false)),
    ("MassTransit", "masstransit", None),
    ("Serilog.AspNetCore.RequestLoggingMiddleware", "request_logging", None),
    ("Microsoft.AspNetCore.HttpLogging", "request_logging", None),
];

/// Messages, by words in them.
const MESSAGES: &[(&str, &str, Option<bool>)] = &[
    ("An unhandled exception was thrown by the application.", "aspnetcore.kestrel", Some(false)),
    ("An unhandled exception has occurred while executing the request.", "aspnetcore.exception_handler", Some(false)),
    ("An exception was thrown attempting to execute the error handler.", "aspnetcore.exception_handler", Some(false)),
    ("An unhandled exception has occurred, see Exception for details", "aspnetcore.developer_page", Some(false)),
    ("BackgroundService failed", "dotnet.hosted_service", Some(false)),
    ("A BackgroundService has thrown an unhandled exception", "dotnet.host_stop", Some(false)),
    ("Hosting failed to start", "dotnet.host_start", Some(false)),
    ("Application startup exception", "dotnet.host_start", Some(false)),
    ("Host terminated unexpectedly", "dotnet.host_start", Some(false)),
    ("Stopped program because of exception", "dotnet.host_start", Some(false)),
    ("Error when executing service method", "grpc.server", Some(false)),
    ("Unobserved task exception", "dotnet.unobserved_task", Some(false)),
    ("UnobservedTaskException", "dotnet.unobserved_task", Some(false)),
    ("AppDomain.UnhandledException", "dotnet.unhandled_handler", Some(false)),
    ("AppDomain unhandled exception", "dotnet.unhandled_handler", Some(false)),
    ("An exception occurred while iterating over the results of a query for context type", "efcore", None),
    ("An exception occurred in the database while saving changes for context type", "efcore", None),
    ("UnhandledExceptionEventArgs", "dotnet.unhandled_handler", Some(false)),
    ("Unhandled exception rendering component", "aspnetcore.blazor_circuit", Some(false)),
    ("Failed to invoke hub method", "aspnetcore.signalr", Some(false)),
    ("Exception while executing function", "webjobs", Some(false)),
    ("Job threw an unhandled exception", "quartz", Some(false)),
    ("An error occurred using the connection to database", "efcore", None),
    ("HTTP request failed after", "httpclient", None),
    ("Failed to process the job", "hangfire", Some(false)),
    ("R-FAULT", "masstransit", None),
    ("S-FAULT", "masstransit", None),
    ("T-FAULT", "masstransit", None),
    ("R-RETRY", "masstransit", None),
    ("Unhandled exception in circuit", "aspnetcore.blazor_circuit", Some(false)),
    ("Failed executing the function", "webjobs", Some(false)),
    ("(Failed, Id=", "webjobs", Some(false)),
    ("The service threw an unhandled exception", "dotnet.unhandled_handler", Some(false)),
];

/// How many lines before a record may say who runs the program.
const LINES_BEFORE: usize = 4;

/// Sets the mechanism of a record that has none.
pub(super) fn complete(record: &mut Record, before: &dyn Fn() -> Vec<String>) {
    if record.mechanism.is_some() {
        return;
    }
    let message = record.message.as_deref().unwrap_or("");
    let spoken = MESSAGES.iter().find(|(words, ..)| message.contains(words));
    let logger = record.logger.as_deref().unwrap_or("");
    let named = LOGGERS.iter().find(|(start, ..)| logger.starts_with(start));
    let outer = record.exceptions.first().map_or("", |exception| exception.kind.as_str());
    let outcome = match (spoken, named) {
        // Its words are those of the handler.
        (_, Some(found)) if found.1 == "aspnetcore.developer_page" => Some((found.1, found.2)),
        (Some(found), _) | (None, Some(found)) => Some((found.1, found.2)),
        _ if outer == "System.Web.HttpUnhandledException" => Some(("aspnet.application_error", Some(false))),
        _ if message.starts_with("Health check ") && message.contains(" threw an unhandled exception") => {
            Some(("aspnetcore.health_checks", Some(false)))
        }
        _ if message.starts_with("HTTP ") && message.contains(" responded ") => Some(("request_logging", None)),
        // The functions host's console prints each line as an entry of its own.
        _ if message.is_empty()
            && before()
                .iter()
                .rev()
                .take(LINES_BEFORE)
                .any(|line| line.contains("Exception while executing function")) =>
        {
            Some(("webjobs", Some(false)))
        }
        _ if outer == "Quartz.SchedulerException" => Some(("quartz", Some(false))),
        _ if message.to_ascii_lowercase().starts_with("unhandled ") => Some(("global_handler", None)),
        _ => None,
    };
    if let Some((kind, handled)) = outcome {
        record.found_by(kind, handled);
    }
}
