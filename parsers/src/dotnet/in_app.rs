//! Whose code a frame is.
//!
//! In: the frames of a record. Out: `in_app` on each. Invariant: a known library is never the application; what is not
//! known is the application, unless the trace itself shows otherwise. Does not read the file system.

use std::collections::HashSet;

use crate::record::{Exception, Frame};

/// Root namespaces of the framework and of libraries; Sentry's own list, and further ones that applications use.
const LIBRARIES: &[&str] = &[
    "System",
    "Mono",
    "Sentry",
    "Microsoft",
    "MS",
    "ABI.Microsoft",
    "WinRT",
    "UIKit",
    "Newtonsoft",
    "FSharp",
    "Serilog",
    "Giraffe",
    "NLog",
    "Npgsql",
    "RabbitMQ",
    "Hangfire",
    "IdentityServer4",
    "AWSSDK",
    "Polly",
    "Swashbuckle",
    "FluentValidation",
    "Autofac",
    "StackExchange",
    "Dapper",
    "RestSharp",
    "SkiaSharp",
    "IdentityModel",
    "SQLitePCL",
    "SqlitePclRaw",
    "SQLite",
    "Xamarin",
    "Android",
    "Google",
    "MongoDB",
    "Remotion",
    "AutoMapper",
    "Nest",
    "Owin",
    "MediatR",
    "ICSharpCode",
    "Grpc",
    "ServiceStack",
    "Java.Interop",
    "Interop",
    "Internal",
    "<PrivateImplementationDetails>",
    "Windows",
    "WindowsBase",
    "PresentationCore",
    "MahApps",
    "MySqlConnector",
    "MySql",
    "Oracle",
    "Devart",
    "FirebirdSql",
    "LinqToDB",
    "NHibernate",
    "FluentNHibernate",
    "Iesi",
    "Amazon",
    "Azure",
    "MassTransit",
    "NServiceBus",
    "Rebus",
    "EasyNetQ",
    "Wolverine",
    "Quartz",
    "Topshelf",
    "Coravel",
    "log4net",
    "Common.Logging",
    "Castle",
    "ZLogger",
    "Flurl",
    "Refit",
    "Stripe",
    "Twilio",
    "SendGrid",
    "MailKit",
    "MimeKit",
    "Mailjet",
    "PayPal",
    "Braintree",
    "Renci",
    "Confluent",
    "Confluent.Kafka",
    "Elasticsearch",
    "Elastic",
    "OpenSearch",
    "Algolia",
    "Minio",
    "CsvHelper",
    "ClosedXML",
    "DocumentFormat",
    "OfficeOpenXml",
    "NPOI",
    "iText",
    "iTextSharp",
    "QuestPDF",
    "PdfSharp",
    "SixLabors",
    "ImageMagick",
    "HtmlAgilityPack",
    "AngleSharp",
    "YamlDotNet",
    "protobuf",
    "ProtoBuf",
    "MessagePack",
    "Bond",
    "Utf8Json",
    "Jil",
    "Scriban",
    "RazorEngine",
    "RazorLight",
    "DotLiquid",
    "Nancy",
    "FastEndpoints",
    "Carter",
    "HotChocolate",
    "GraphQL",
    "OData",
    "Orleans",
    "Akka",
    "Proto",
    "Dapr",
    "Steeltoe",
    "Consul",
    "Ocelot",
    "Yarp",
    "OpenTelemetry",
    "App.Metrics",
    "Prometheus",
    "HealthChecks",
    "Scrutor",
    "StructureMap",
    "Lamar",
    "Ninject",
    "SimpleInjector",
    "DryIoc",
    "Unity",
    "UnityEngine",
    "UnityEditor",
    "Cysharp",
    "Ardalis",
    "CSharpFunctionalExtensions",
    "LanguageExt",
    "OneOf",
    "FsToolkit",
    "Suave",
    "Saturn",
    "Falco",
    "FluentMigrator",
    "DbUp",
    "EFCore",
    "Z.EntityFramework",
    "EntityFramework",
    "IdentityServer",
    "Duende",
    "OpenIddict",
    "Okta",
    "Auth0",
    "Novell",
    "Telerik",
    "DevExpress",
    "Syncfusion",
    "Umbraco",
    "Volo.Abp",
    "Abp",
    "NUnit",
    "Xunit",
    "Moq",
    "Humanizer",
    "NodaTime",
    "Bogus",
    "Esprima",
    "Jint",
];

/// Whether a declaring type belongs to a known library. A type without a name is a dynamic method.
pub(super) fn is_library(module: Option<&str>) -> bool {
    let Some(module) = module else { return true };
    let module = module.trim_start_matches("global::");
    LIBRARIES.iter().any(|root| {
        module.get(..root.len()).is_some_and(|start| start.eq_ignore_ascii_case(root))
            && module[root.len()..].chars().next().is_none_or(|c| matches!(c, '.' | '+' | '`' | '[' | ':'))
    })
}

/// Marks the application's frames.
pub(super) fn mark(exceptions: &mut [Exception]) {
    let frames = || exceptions.iter().flat_map(|exception| &exception.frames);
    let built_here = |frame: &Frame| frame.file.as_deref().is_some_and(|file| !file.starts_with("/_/"));
    // Roots whose code was built with its sources: those of this application.
    let own: HashSet<String> = frames()
        .filter(|frame| built_here(frame) && !is_library(frame.module.as_deref()))
        .filter_map(|frame| root(frame).map(str::to_owned))
        .collect();
    for frame in exceptions.iter_mut().flat_map(|exception| &mut exception.frames) {
        let known = if frame.module.is_none() { frame.file.is_none() } else { is_library(frame.module.as_deref()) };
        let known = known || is_dynamic(frame);
        let foreign = !own.is_empty() && root(frame).is_some_and(|root| !own.contains(root)) && !is_entry(frame);
        frame.in_app = !known && (!foreign || built_here(frame));
    }
}

/// The first name of a namespace; none for types without one.
fn root(frame: &Frame) -> Option<&str> {
    let module = frame.module.as_deref()?;
    module.split_once('.').map(|(root, _)| root).filter(|root| !root.starts_with('<'))
}

fn is_entry(frame: &Frame) -> bool {
    frame.module.as_deref().is_some_and(|module| module == "Program" || module.starts_with("Program.<"))
}

/// Code that was generated while the program ran.
fn is_dynamic(frame: &Frame) -> bool {
    let function = frame.function.as_deref().unwrap_or("");
    frame.module.as_deref() == Some("CallSite")
        || function.starts_with("lambda_method")
        || frame.raw.as_deref().is_some_and(|raw| raw.contains("(Closure") || raw.starts_with("(wrapper"))
}
