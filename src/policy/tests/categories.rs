//! Which category an exception gets: each entry that is never sent, chains of causes, and the errors of libraries.

use super::*;

/// Platform, entry, type, message, property.
type Sample = (Platform, &'static str, &'static str, &'static str, (&'static str, &'static str));

/// An exception for each entry of the lists whose category is not sent.
const NEVER_SENT: &[Sample] = &[
    (PHP, "php.validation", r"Illuminate\Validation\ValidationException", "The name field is required.", ("", "")),
    (PHP, "php.card_declined", r"Stripe\Exception\CardException", "Your card was declined.", ("", "")),
    (
        PHP,
        "php.partner_declines",
        r"Razorpay\Api\Errors\BadRequestError",
        "Insufficient funds in the account",
        ("", ""),
    ),
    (PHP, "php.csrf", r"Illuminate\Session\TokenMismatchException", "CSRF token mismatch.", ("", "")),
    (PHP, "php.authentication", r"Illuminate\Auth\AuthenticationException", "Unauthenticated.", ("", "")),
    (
        PHP,
        "php.authorisation",
        r"Illuminate\Auth\Access\AuthorizationException",
        "This action is unauthorized.",
        ("", ""),
    ),
    (PHP, "php.name_business", r"Shop\Order\OrderCannotBeCancelled", "order 7 was shipped", ("", "")),
    (PHP, "php.throttling", r"Illuminate\Http\Exceptions\ThrottleRequestsException", "Too Many Attempts.", ("", "")),
    (PHP, "php.model_not_found", r"Illuminate\Database\Eloquent\ModelNotFoundException", "No query results", ("", "")),
    (PHP, "php.http_exception", r"Symfony\Component\HttpKernel\Exception\NotFoundHttpException", "", ("", "")),
    (PHP, "php.http_exception", "Zend_Controller_Dispatcher_Exception", "Invalid controller specified (x)", ("", "")),
    (PHP, "php.operator", r"Symfony\Component\Console\Exception\CommandNotFoundException", "no such command", ("", "")),
    (
        PHP,
        "php.console_input",
        r"Symfony\Component\Console\Exception\RuntimeException",
        "Too many arguments.",
        ("", ""),
    ),
    (PHP, "php.name_http", r"Shop\Access\AuthorizationException", "not yours", ("", "")),
    (PHP, "php.validation", r"Symfony\Component\Serializer\Exception\NotEncodableValueException", "Syntax", ("", "")),
    (PHP, "php.http_exception", r"Contao\CoreBundle\Exception\PageNotFoundException", "Page not found", ("", "")),
    (PHP, "php.deprecation", "ErrorException", "Optional parameter before required is deprecated", ("", "")),
    (
        NET,
        "dotnet.bad_request",
        "Microsoft.AspNetCore.Http.BadHttpRequestException",
        "Unexpected end of content.",
        ("", ""),
    ),
    (
        NET,
        "dotnet.bad_request",
        "Microsoft.AspNetCore.Connections.ConnectionResetException",
        "The client reset.",
        ("", ""),
    ),
    (NET, "dotnet.web_not_found", "System.Web.HttpException", "The file '/x.aspx' does not exist.", ("", "")),
    (
        NET,
        "dotnet.antiforgery",
        "Microsoft.AspNetCore.Antiforgery.AntiforgeryValidationException",
        "no cookie",
        ("", ""),
    ),
    (
        NET,
        "dotnet.unprotect",
        "System.Security.Cryptography.CryptographicException",
        "The payload was invalid.",
        ("", ""),
    ),
    (
        NET,
        "dotnet.token",
        "Microsoft.Identity.Web.MicrosoftIdentityWebChallengeUserException",
        "IDW10502: An MsalUiRequiredException was thrown",
        ("", ""),
    ),
    (
        NET,
        "dotnet.validation",
        "System.Data.Entity.Validation.DbEntityValidationException",
        "Validation failed for one or more entities.",
        ("", ""),
    ),
    (NET, "dotnet.token", "Microsoft.IdentityModel.Tokens.SecurityTokenExpiredException", "IDX10223", ("", "")),
    (NET, "dotnet.authentication_failure", "System.Exception", "Correlation failed.", ("", "")),
    (NET, "dotnet.validation", "FluentValidation.ValidationException", "Validation failed", ("", "")),
    (NET, "dotnet.authorisation", "Volo.Abp.Authorization.AbpAuthorizationException", "not granted", ("", "")),
    (NET, "dotnet.query_cancelled", "Microsoft.Data.SqlClient.SqlException", "Operation cancelled by user.", ("", "")),
    (NET, "dotnet.business_exception", "Volo.Abp.BusinessException", "too late", ("", "")),
    (NET, "dotnet.business_rule", "Shop.BusinessRuleBrokenException", "too late", ("", "")),
    (NET, "dotnet.access_of_user", "System.UnauthorizedAccessException", "not your basket", ("", "")),
    (NET, "dotnet.cancelled", "System.Threading.Tasks.TaskCanceledException", "A task was canceled.", ("", "")),
    (NODE, "node.body_parser", "PayloadTooLargeError", "request entity too large", ("type", "entity.too.large")),
    (
        NODE,
        "node.body_parser_frames",
        "SyntaxError",
        "Unexpected end of JSON input",
        ("frame", "/a/node_modules/raw-body/i.js"),
    ),
    (NODE, "node.validation", "ZodError", "[]", ("", "")),
    (NODE, "node.validation_code", "Error", "name is required", ("code", "FST_ERR_VALIDATION")),
    (NODE, "node.validation_frames", "Error", "name", ("frame", "/a/node_modules/joi/lib/index.js")),
    (NODE, "node.validation_message", "Error", "body must have required property 'name'", ("", "")),
    (NODE, "node.graphql_query", "GraphQLError", "Cannot query field \"cart\" on type \"Query\".", ("", "")),
    (NODE, "node.rpc_answer", "TRPCError", "not yours", ("code", "FORBIDDEN")),
    (NODE, "node.request_refused", "Error", "Not allowed by CORS", ("", "")),
    (NODE, "node.nest_http", "NotFoundException", "Cannot GET /x", ("", "")),
    (NODE, "node.http_errors", "TooManyRequestsError", "slow down", ("", "")),
    (NODE, "node.client_status", "Error", "no such cart", ("status", "404")),
    (NODE, "node.unprocessable_status", "Error", "bad cart", ("statusCode", "422")),
    (NODE, "node.cancelled", "AbortError", "This operation was aborted", ("", "")),
    (NODE, "node.cancelled_code", "Error", "canceled", ("code", "ERR_CANCELED")),
    (NODE, "node.stand_in", "Error", "failed with status code 500", ("", "")),
    (NODE, "node.debug_trace", "Trace", "who calls", ("", "")),
    (Platform::Java, "common.name_validation", "com.shop.CartValidationException", "no lines", ("", "")),
    (Platform::Java, "common.name_http", "com.shop.ForbiddenException", "not yours", ("", "")),
    (Platform::Java, "common.name_business", "com.shop.InsufficientStockException", "2 left", ("", "")),
    (Platform::Java, "common.state_rule", "com.shop.OrderStateException", "is already paid", ("", "")),
    (Platform::Java, "common.message_business", "java.lang.RuntimeException", "the item is out of stock", ("", "")),
];

#[test]
fn each_entry_of_what_is_never_sent_keeps_it_back() {
    let policy = policy();
    let sent = &policy.settings.categories;
    let mut tested = BTreeSet::new();
    for &(platform, name, kind, message, (key, value)) in NEVER_SENT {
        let mut record = last_resort(record(platform, &[(kind, message)]), "any.last_resort");
        match key {
            "" => {}
            "frame" => {
                record.exceptions[0].frames = vec![Frame { file: Some(value.to_owned()), ..Frame::default() }].into()
            }
            _ => record.exceptions[0].properties = vec![(key.to_owned(), value.to_owned())],
        }
        let finding = policy.taxonomy.classify(&record, &policy.hosts);
        assert_eq!(finding.entry.as_deref(), Some(name), "{kind}: {message}");
        let verdict = &judge(self::policy(), vec![record])[0];
        assert_eq!(verdict.action, Action::Drop, "{kind}: {:?}", verdict.reasons);
        assert!(!sent.contains(&verdict.category), "{kind}");
        tested.insert(name);
    }
    let never_sent = policy.entries().filter(|entry| !sent.contains(&entry.category));
    let untested: Vec<_> = never_sent.map(|entry| entry.name.as_str()).filter(|name| !tested.contains(name)).collect();
    assert!(untested.is_empty(), "entries without a test: {untested:?}");
}

#[test]
fn errors_of_node_libraries() {
    let policy = policy();
    let table = include_str!("node_libraries.txt").lines().filter(|line| !line.starts_with('#'));
    for line in table {
        let columns: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let [_, kind, message, code, file, category] = columns[..] else { panic!("{line}") };
        let mut found = record(NODE, &[(kind, message)]);
        found.exceptions[0].code = (!code.is_empty()).then(|| code.to_owned());
        let is_whole = ["node:", "/"].iter().any(|start| file.starts_with(start));
        let whole = if is_whole { file.to_owned() } else { format!("/srv/shop/node_modules/{file}") };
        let files = [whole.as_str(), "/srv/shop/src/run.js"].into_iter().filter(|file| !file.ends_with('/'));
        let frames = files.map(|file| Frame { file: Some(file.to_owned()), ..Frame::default() });
        found.exceptions[0].frames = frames.collect::<Vec<_>>().into();
        let finding = policy.taxonomy.classify(&found, &policy.hosts);
        assert_eq!(finding.category.name(), category, "{line}");
    }
}

/// Platform, types and messages outermost first, what failed.
type Chain = (Platform, &'static [(&'static str, &'static str)], Category);

const CHAINS: &[Chain] = &[
    (PHP, &[(r"Aws\Sqs\Exception\SqsException", "Error executing \"SendMessage\"")], Category::Infra),
    (PHP, &[(r"Aws\S3\Exception\S3Exception", "Error executing \"PutObject\"")], Category::Integration),
    (PHP, &[("WordPress database error", "Table 'wp_stats' doesn't exist")], Category::Infra),
    (PHP, &[("CDbException", "CDbCommand failed to execute the SQL statement")], Category::Infra),
    (PHP, &[(r"Stripe\Exception\ApiConnectionException", "Could not connect to Stripe")], Category::Integration),
    (PHP, &[(r"Elastica\Exception\Connection\HttpException", "Couldn't connect to host")], Category::Infra),
    (PHP, &[(r"LdapRecord\Auth\BindException", "Can't contact LDAP server")], Category::Infra),
    (PHP, &[(r"Wikimedia\Rdbms\DBQueryError", "A database query error has occurred.")], Category::Infra),
    (PHP, &[(r"Illuminate\Queue\InvalidPayloadException", "Unable to JSON encode payload.")], Category::Defect),
    (PHP, &[(r"Shop\Payment\StripeFailed", "no answer")], Category::Integration),
    (PHP, &[(r"Illuminate\Support\ItemNotFoundException", "")], Category::Defect),
    (PHP, &[(r"Laravel\Cashier\Exceptions\InvalidCustomer", "User is not a customer yet.")], Category::Defect),
    (
        PHP,
        &[(
            r"GuzzleHttp\Exception\ConnectException",
            "cURL error 7: Failed to connect to localhost port 9200 (see https://curl.se/libcurl/c/libcurl-errors.html)",
        )],
        Category::Infra,
    ),
    (NET, &[("System.Data.NoNullAllowedException", "Column 'x' does not allow nulls.")], Category::Defect),
    (NET, &[("Quartz.JobPersistenceException", "Couldn't acquire next trigger")], Category::Infra),
    (NET, &[("Hangfire.Common.JobLoadException", "Could not load the job.")], Category::Defect),
    (NET, &[("Dapr.DaprException", "Get state operation failed")], Category::Infra),
    (NET, &[("Grpc.Core.RpcException", "Status(StatusCode=\"Unavailable\", Detail=\"x\")")], Category::Integration),
    (NET, &[("System.InvalidOperationException", "IDX20803: Unable to obtain configuration")], Category::Integration),
    (NET, &[("System.Web.Services.Protocols.SoapException", "x")], Category::Integration),
    (NET, &[("MongoDB.Bson.BsonSerializationException", "x")], Category::Defect),
    (NET, &[("System.Transactions.TransactionAbortedException", "x")], Category::Infra),
    (NET, &[("Volo.Abp.Data.AbpDbConcurrencyException", "x")], Category::Infra),
    (NET, &[("System.Globalization.CultureNotFoundException", "x")], Category::Defect),
    (
        NET,
        &[("System.IO.FileNotFoundException", "не найден: A, Culture=neutral, PublicKeyToken=null")],
        Category::Defect,
    ),
    (NET, &[("System.Runtime.InteropServices.COMException", "80040154")], Category::Defect),
    (NET, &[("System.Runtime.InteropServices.COMException", "The RPC server is unavailable.")], Category::Infra),
    (NET, &[("FluentValidation.AsyncValidatorInvokedSynchronouslyException", "x")], Category::Defect),
    (PHP, &[("RuntimeException", "no dashboard"), ("PDOException", "SQLSTATE[HY000] [2002] refused")], Category::Infra),
    (
        PHP,
        &[(r"App\SyncFailed", "x"), (r"GuzzleHttp\Exception\ServerException", "`GET https://a.example/` 502")],
        Category::Integration,
    ),
    (
        PHP,
        &[(r"Illuminate\View\ViewException", "x (View: y)"), ("DivisionByZeroError", "Division by zero")],
        Category::Defect,
    ),
    (PHP, &[("ErrorException", "fsockopen(): Unable to connect to 10.0.0.9:25 (Connection refused)")], Category::Infra),
    (
        PHP,
        &[("ErrorException", "file_get_contents(https://api.example.com/x): Failed to open stream")],
        Category::Integration,
    ),
    (
        PHP,
        &[(r"Symfony\Component\ErrorHandler\Error\FatalError", "Allowed memory size of 1 bytes exhausted")],
        Category::Infra,
    ),
    (
        NET,
        &[
            ("Shop.SyncException", "x"),
            ("System.Net.Http.HttpRequestException", "Connection refused (api.example.com:443)"),
            ("System.Net.Sockets.SocketException", "Connection refused"),
        ],
        Category::Integration,
    ),
    (NET, &[("System.Net.Http.HttpRequestException", "Connection refused (stock.internal:80)")], Category::Infra),
    (
        NET,
        &[
            (
                "System.Threading.Tasks.TaskCanceledException",
                "due to the configured HttpClient.Timeout of 1 seconds elapsing.",
            ),
            ("System.TimeoutException", "x"),
            ("System.Threading.Tasks.TaskCanceledException", "A task was canceled."),
        ],
        Category::Integration,
    ),
    (
        NET,
        &[
            ("System.InvalidOperationException", "x"),
            ("Npgsql.NpgsqlException", "x"),
            ("System.Net.Sockets.SocketException", "Connection refused"),
        ],
        Category::Infra,
    ),
    (
        NET,
        &[("System.Reflection.TargetInvocationException", "x"), ("System.NullReferenceException", "x")],
        Category::Defect,
    ),
    (
        NET,
        &[("Microsoft.AspNetCore.Http.BadHttpRequestException", "x"), ("System.Text.Json.JsonException", "x")],
        Category::Http,
    ),
    (NODE, &[("TypeError", "fetch failed"), ("Error", "getaddrinfo ENOTFOUND api.example.com")], Category::Integration),
    (NODE, &[("TypeError", "fetch failed"), ("Error", "connect ECONNREFUSED 10.3.2.1:8080")], Category::Infra),
    (NODE, &[("Error", "connect ECONNREFUSED 127.0.0.1:5432")], Category::Infra),
    (NODE, &[("Error", "connect ECONNREFUSED 203.0.113.9:8443")], Category::Integration),
    (NODE, &[("TypeError", "Cannot read properties of undefined (reading 'x')")], Category::Defect),
];

#[test]
fn the_innermost_cause_that_says_something_decides() {
    let policy = policy();
    for (platform, chain, category) in CHAINS {
        let finding = policy.taxonomy.classify(&record(*platform, chain), &policy.hosts);
        assert_eq!(finding.category, *category, "{chain:?}: {}", finding.reason);
    }
}
