//! Builds one operation of the document from its route and its own description.

use domain::Error;
use domain::access::Scope;
use domain::primitives::NamedValue as _;
use serde_json::{Map, Value, json};

use super::optional::optional;
use super::parts::{LIMIT_HEADERS, header, headers, parameter};
use super::problems::Problem;
use super::webhooks::callback;
use crate::http::routes::PUBLICATION_LIMIT;
use crate::http::routes::{Access, Route};

/// The parts of an operation that do not follow from its route.
pub(super) struct Operation {
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    description: &'static str,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: Vec<Answer>,
    problems: Vec<Problem>,
    invalid: Vec<Error>,
    place: Option<&'static str>,
    errors: Option<Value>,
    callback: Option<&'static str>,
}

/// A 2xx or 3xx response, or another response whose body is not an error.
pub(super) struct Answer {
    status: u16,
    description: &'static str,
    headers: Map<String, Value>,
    content: Option<Value>,
    links: Map<String, Value>,
}

impl Answer {
    /// Creates a response without a body.
    pub(super) fn empty(status: u16, description: &'static str) -> Self {
        Self { status, description, headers: Map::new(), content: None, links: Map::new() }
    }

    /// Creates a response with a JSON body.
    pub(super) fn json(status: u16, description: &'static str, schema: Value, example: Value) -> Self {
        Self::of(status, description, "application/json", json!({"schema": schema, "example": example}))
    }

    /// Creates a response with a body of the media type `kind`.
    pub(super) fn of(status: u16, description: &'static str, kind: &'static str, content: Value) -> Self {
        Self { content: Some(json!({kind: content})), ..Self::empty(status, description) }
    }

    /// Adds another media type that the body can have.
    pub(super) fn or(mut self, kind: &'static str, content: Value) -> Self {
        self.content.get_or_insert_with(|| json!({}))[kind] = content;
        self
    }

    /// Adds headers that are not always there.
    fn optional_headers(mut self, names: &[&str]) -> Self {
        let described = headers();
        let headers = names.iter().map(|name| ((*name).to_owned(), optional(described[*name].clone())));
        self.headers.extend(headers);
        self
    }

    /// Adds headers, each described in [`headers`](super::parts::headers).
    pub(super) fn headers(mut self, names: &[&str]) -> Self {
        self.headers.extend(names.iter().map(|name| ((*name).to_owned(), header(name))));
        self
    }

    /// Adds a link: `value`, a JSON pointer into the body, is `parameter` of `operation`.
    pub(super) fn link(mut self, name: &str, operation: &str, parameter: &str, value: &str) -> Self {
        let link =
            json!({"operationId": operation, "parameters": {parameter: format!("$response.body#{value}")}});
        self.links.insert(name.to_owned(), link);
        self
    }

    /// Writes the response of `route`.
    fn write(mut self, route: &Route) -> (String, Value) {
        let names: Vec<_> =
            LIMIT_HEADERS.iter().filter(|_| route.limit.is_some()).chain(&["x-trace-id"]).copied().collect();
        // A cache that answers has counted no request, and leaves no trace.
        let is_cached = route.access == Access::Optional && route.method == "GET";
        self = if is_cached { self.optional_headers(&names) } else { self.headers(&names) };
        let mut response = json!({"description": self.description, "headers": self.headers});
        if let Some(content) = self.content {
            response["content"] = content;
        }
        if !self.links.is_empty() {
            response["links"] = self.links.into();
        }
        (self.status.to_string(), response)
    }
}

impl Operation {
    pub(super) fn new(
        tag: &'static str,
        id: &'static str,
        summary: &'static str,
        description: &'static str,
    ) -> Self {
        Self {
            id,
            tag,
            summary,
            description,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            problems: Vec::new(),
            invalid: Vec::new(),
            place: None,
            errors: None,
            callback: None,
        }
    }

    /// Adds parameters to those in the path, each described in [`parameters`](super::parts::parameters).
    pub(super) fn takes(mut self, names: &[&str]) -> Self {
        self.parameters.extend(names.iter().map(|name| parameter(name)));
        self
    }

    /// Describes the parameter in the path by the component `name`: one name in a path can mean different things.
    pub(super) fn at(mut self, name: &'static str) -> Self {
        self.place = Some(name);
        self
    }

    /// Adds a request body, with named `examples`, and the errors that every body can cause.
    pub(super) fn body(mut self, required: bool, schema: Value, examples: &[(&str, Value)]) -> Self {
        let examples: Map<_, _> = examples
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!({"summary": name, "value": value})))
            .collect();
        self.body = Some(json!({
            "required": required,
            "content": {"application/json": {"schema": schema, "examples": examples}},
        }));
        self.problems.extend([Problem::Invalid, Problem::TooLarge]);
        self
    }

    pub(super) fn answers(mut self, answer: Answer) -> Self {
        self.answers.push(answer);
        self
    }

    /// Adds the `Idempotency-Key` with its errors and response header. Must be called after
    /// [`answers`](Self::answers).
    pub(super) fn idempotent(self) -> Self {
        self.idempotent_or(Problem::IdempotencyInFlight)
    }

    /// The same, for an operation with other errors that have the status of [`Problem::IdempotencyInFlight`]:
    /// `conflict` is both.
    pub(super) fn idempotent_or(mut self, conflict: Problem) -> Self {
        self.answers =
            self.answers.into_iter().map(|answer| answer.headers(&["Idempotent-Replayed"])).collect();
        self.problems.extend([conflict, Problem::IdempotencyMismatch]);
        self.takes(&["Idempotency-Key"])
    }

    pub(super) fn fails(mut self, problems: &[Problem]) -> Self {
        self.problems.extend(problems);
        self
    }

    /// Adds an example of an invalid request: what its parser says.
    pub(super) fn refuses<T>(mut self, parsed: Result<T, Error>) -> Self {
        self.invalid.extend(parsed.err());
        self
    }

    /// Replaces the schema of the errors: some client generators take one schema for all of an operation's
    /// responses outside 2xx.
    pub(super) fn errors(mut self, schema: Value) -> Self {
        self.errors = Some(schema);
        self
    }

    /// Adds the webhook callback. `place` is the JSON pointer of the webhook URL in the body.
    pub(super) fn calls_back(mut self, place: &'static str) -> Self {
        self.callback = Some(place);
        self
    }

    /// Creates the operation object of `route`.
    ///
    /// # Panics
    ///
    /// If two problems have the same status: the document has room for one.
    pub(super) fn for_route(self, route: &Route) -> Value {
        let mut problems = self.problems;
        // `NotReady` is that and another error with the same status.
        let is_both = problems.contains(&Problem::NotReady);
        let brought = brought_by(route).into_iter();
        problems.extend(brought.filter(|problem| !(is_both && *problem == Problem::Unavailable)));
        if route.body_limit == PUBLICATION_LIMIT {
            let too_large = problems.iter_mut().filter(|problem| **problem == Problem::TooLarge);
            too_large.for_each(|problem| *problem = Problem::ContentTooLarge);
        }
        let mut responses: Map<_, _> = self.answers.into_iter().map(|answer| answer.write(route)).collect();
        for problem in problems {
            let response = problem.of(route, &self.invalid, self.errors.as_ref());
            let previous = responses.insert(problem.status().to_string(), response);
            assert!(previous.is_none(), "{} {}: two responses, {problem:?}", route.method, route.path);
        }
        let in_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let mut parameters: Vec<_> = in_path.map(|name| parameter(self.place.unwrap_or(name))).collect();
        parameters.extend(self.parameters);

        let mut operation = json!({
            "operationId": self.id,
            "tags": [self.tag],
            "summary": self.summary,
            "description": format!("{}{}", self.description, who(route)),
            "security": security(route),
            "responses": responses,
        });
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        if let Some(body) = self.body {
            operation["requestBody"] = body;
        }
        if let Some(place) = self.callback {
            operation["callbacks"] = json!({"jobEvent": callback(place)});
        }
        operation
    }
}

/// Returns the errors that follow from the access and the rate limit of a route.
fn brought_by(route: &Route) -> Vec<Problem> {
    let mut problems = vec![Problem::Internal];
    match route.access {
        Access::Public => {}
        Access::Optional => problems.extend([Problem::Unauthorized, Problem::Unavailable]),
        Access::Credential | Access::Scope(_) => {
            problems.extend([Problem::Unauthorized, Problem::Forbidden, Problem::Unavailable]);
        }
    }
    if route.limit.is_some() {
        problems.push(Problem::RateLimited);
    }
    problems
}

fn security(route: &Route) -> Value {
    match route.access {
        Access::Public => json!([]),
        Access::Optional => json!([{}, {"ApiKeyAuth": []}, {"BearerAuth": []}]),
        Access::Credential | Access::Scope(_) => json!([{"ApiKeyAuth": []}, {"BearerAuth": []}]),
    }
}

/// Describes the required scope and the rate limit of a route.
fn who(route: &Route) -> String {
    let scope = match route.access {
        Access::Scope(scope) => scope_sentence(scope),
        Access::Public => "\n\nNeeds no credential.".to_owned(),
        Access::Optional | Access::Credential => String::new(),
    };
    let limit = route.limit.map_or_else(
        || " Not limited.".to_owned(),
        |endpoint| {
            format!(
                " At most {} requests in 60 seconds, unless the client has a limit of its own.",
                endpoint.per_window()
            )
        },
    );
    format!("{scope}{limit}")
}

fn scope_sentence(scope: Scope) -> String {
    format!("\n\nNeeds the scope `{}`.", scope.as_str())
}
