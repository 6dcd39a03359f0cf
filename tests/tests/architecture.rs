//! Checks that the folders, the manifests, the template and the README agree.

// A test that cannot continue panics.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use edge::http::routes::{ROUTES, Route};
use semantest_tests::cloud::workspace;
use serde_json::Value;

/// The layer of a workspace member, by its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Function,
    Addons,
    AddonBuild,
    App,
    Domain,
    Edge,
    Aws,
    Drawing,
    Egress,
    Pictures,
    Providers,
    Resample,
    Runtime,
    Testkit,
    CommandLine,
    Tests,
}

impl Part {
    fn at(folder: &str) -> Self {
        match folder {
            "shared/addons" => Self::Addons,
            "shared/addon-build" => Self::AddonBuild,
            "shared/app" => Self::App,
            "shared/domain" => Self::Domain,
            "shared/edge" => Self::Edge,
            "shared/aws" => Self::Aws,
            "shared/drawing" => Self::Drawing,
            "shared/egress" => Self::Egress,
            "shared/pictures" => Self::Pictures,
            "shared/providers" => Self::Providers,
            "shared/resample" => Self::Resample,
            "shared/runtime" => Self::Runtime,
            "shared/testkit" => Self::Testkit,
            "infra/cli" => Self::CommandLine,
            "tests" => Self::Tests,
            _ if folder.starts_with("functions/") => Self::Function,
            _ => panic!("{folder} has no place in the layout: give it one here, and say what it may use"),
        }
    }

    /// The own crates that it may depend on, except in tests.
    const fn may_use(self) -> &'static [Self] {
        match self {
            Self::Addons | Self::Domain | Self::Drawing | Self::Resample => &[],
            Self::AddonBuild => &[Self::Addons],
            Self::App | Self::Edge => &[Self::Addons, Self::Domain],
            Self::Aws | Self::Egress | Self::Runtime | Self::Testkit => &[Self::Domain],
            Self::Pictures => &[Self::Domain, Self::Resample],
            Self::Providers => &[Self::Domain, Self::Drawing, Self::Egress, Self::Pictures],
            Self::Function => &[
                Self::Addons,
                Self::AddonBuild,
                Self::App,
                Self::Domain,
                Self::Edge,
                Self::Aws,
                Self::Egress,
                Self::Pictures,
                Self::Providers,
                Self::Runtime,
            ],
            Self::CommandLine => &[Self::Addons, Self::Domain, Self::Aws, Self::Edge, Self::Providers],
            Self::Tests => &[
                Self::Addons,
                Self::Domain,
                Self::Edge,
                Self::Aws,
                Self::Egress,
                Self::Providers,
                Self::Testkit,
                Self::Function,
                Self::CommandLine,
            ],
        }
    }
}

/// `cargo metadata` of the workspace, for this platform.
fn metadata() -> Value {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--offline",
            "--locked",
            "--filter-platform",
            "host-tuple",
        ])
        .current_dir(workspace())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The members by their folder, which is the end of a member's id.
fn members(metadata: &Value) -> BTreeMap<String, &Value> {
    let root = workspace();
    let members: BTreeSet<&str> = list(&metadata["workspace_members"]).iter().map(text).collect();
    list(&metadata["packages"])
        .iter()
        .filter(|package| members.contains(text(&package["id"])))
        .map(|package| {
            let folder = Path::new(text(&package["manifest_path"])).parent().unwrap();
            (folder.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), package)
        })
        .collect()
}

/// The names of the crates that a member's binary or library depends on.
fn built_from(metadata: &Value, member: &Value) -> BTreeSet<String> {
    let nodes: BTreeMap<&str, &Value> =
        list(&metadata["resolve"]["nodes"]).iter().map(|node| (text(&node["id"]), node)).collect();
    let names: BTreeMap<&str, &str> = list(&metadata["packages"])
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    let (mut found, mut open) = (BTreeSet::new(), vec![text(&member["id"])]);
    while let Some(id) = open.pop() {
        if !found.insert(id) {
            continue;
        }
        let normal =
            |dependency: &&Value| list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
        open.extend(
            list(&nodes[id]["deps"]).iter().filter(normal).map(|dependency| text(&dependency["pkg"])),
        );
    }
    found.into_iter().map(|id| names[id].to_owned()).collect()
}

#[test]
fn crates_depend_only_in_the_allowed_direction() {
    let metadata = metadata();
    let members = members(&metadata);
    let folders: BTreeMap<&str, &str> =
        members.iter().map(|(folder, package)| (text(&package["name"]), folder.as_str())).collect();
    for (folder, package) in &members {
        let part = Part::at(folder);
        for dependency in list(&package["dependencies"]) {
            let Some(used) = folders.get(text(&dependency["name"])) else { continue };
            let in_tests_only = dependency["kind"] == "dev";
            let allowed = part.may_use().contains(&Part::at(used))
                || in_tests_only && Part::at(used) == Part::Testkit && part != Part::Domain;
            assert!(allowed, "{folder} must not use {used}");
        }
    }
}

#[test]
fn domain_depends_on_no_runtime_sdk_or_http() {
    let metadata = metadata();
    let members = members(&metadata);
    let foreign = |name: &String| {
        let outside = ["tokio", "hyper", "http", "h2", "reqwest", "rustls", "tower"];
        outside.contains(&name.as_str()) || name.starts_with("aws") || name.starts_with("lambda")
    };
    let tree = built_from(&metadata, members["shared/domain"]);
    assert!(tree.contains("serde"), "the tree was read");
    assert_eq!(tree.iter().find(|name| foreign(name)), None);
    // Proves that this test can find a dependency.
    assert!(built_from(&metadata, members["shared/aws"]).iter().any(foreign));
}

/// Parsers of JavaScript and CSS are most of the publisher's size. What serves pages starts without them.
#[test]
fn only_the_publisher_depends_on_parsers_of_scripts() {
    let metadata = metadata();
    for (folder, member) in members(&metadata) {
        let tree = built_from(&metadata, member);
        let is_parser = |name: &String| name.starts_with("oxc_") || name == "lightningcss";
        let may = ["functions/admin-addons", "shared/addon-build"].contains(&folder.as_str());
        assert_eq!(tree.iter().any(is_parser), may, "{folder}");
    }
}

#[test]
fn only_outbound_crates_depend_on_the_sdk() {
    let metadata = metadata();
    let members = members(&metadata);
    for folder in
        ["shared/app", "shared/domain", "shared/edge", "shared/providers", "shared/runtime", "shared/testkit"]
    {
        // The manifest's own: through the workspace's one set of features the events bring types of the SDK.
        let mut named = list(&members[folder]["dependencies"]).iter().map(|used| text(&used["name"]));
        assert_eq!(named.find(|name| name.starts_with("aws-")), None, "{folder}");
    }
}

fn folders(name: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(workspace().join(name)).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    folders.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// A function in template.yaml.
#[derive(Debug, Default)]
struct Deployed {
    name: String,
    code: String,
    /// The API paths that it serves. The function for all other paths has an empty one.
    paths: Vec<String>,
}

/// The functions of template.yaml, parsed line by line: they all have the same form.
fn deployed() -> Vec<Deployed> {
    let template = fs::read_to_string(workspace().join("template.yaml")).unwrap();
    let resources = template.split_once("\nResources:\n").unwrap().1.split_once("\nOutputs:\n").unwrap().0;
    let mut found: Vec<Deployed> = Vec::new();
    let mut in_function = false;
    for line in resources.lines() {
        let is_key = line.starts_with("  ") && !line.starts_with("   ") && line.ends_with(':');
        let line = line.trim();
        if is_key {
            in_function = false;
        } else if line == "Type: AWS::Serverless::Function" {
            in_function = true;
            found.push(Deployed::default());
        }
        let Some(function) = found.last_mut().filter(|_| in_function) else { continue };
        if let Some(name) = line.strip_prefix("FunctionName: ") {
            let name = name.strip_prefix("!Sub \"${AWS::StackName}-").unwrap().strip_suffix('"').unwrap();
            name.clone_into(&mut function.name);
        } else if let Some(code) = line.strip_prefix("CodeUri: ") {
            code.clone_into(&mut function.code);
        } else if line.contains("{ Type: HttpApi,") {
            let path = line.split_once("Path: \"").map_or("", |(_, rest)| rest.split('"').next().unwrap());
            function.paths.push(path.to_owned());
        }
    }
    found
}

#[test]
fn template_deploys_exactly_the_functions() {
    let functions = deployed();
    for function in &functions {
        assert_eq!(function.code, format!("target/lambda/{}/", function.name));
    }
    let names: Vec<_> = functions.into_iter().map(|function| function.name).collect();
    let unique: BTreeSet<_> = names.iter().cloned().collect();
    assert_eq!(names.len(), unique.len(), "{names:?}");
    assert_eq!(unique, folders("functions"));
}

#[test]
fn every_function_has_sample_events() {
    assert_eq!(folders("events"), folders("functions"));
}

/// Cargo leaves out a folder of tests without `main.rs`, and a file that no `mod` names.
#[test]
fn every_test_file_of_a_function_is_compiled() {
    for function in folders("functions") {
        let tests = workspace().join("functions").join(&function).join("tests");
        assert!(tests.is_dir(), "{function} has no tests");
        let Ok(files) = fs::read_dir(tests.join("all")) else { continue };
        let main = fs::read_to_string(tests.join("all/main.rs")).unwrap_or_default();
        for path in files.map(|file| file.unwrap().path()) {
            let module = path.file_stem().unwrap().to_str().unwrap();
            let is_part = path.extension() == Some("rs".as_ref()) && module != "main";
            assert!(!is_part || main.contains(&format!("mod {module};")), "{}", path.display());
        }
    }
}

#[test]
fn cargo_lambda_watch_has_the_templates_routes() {
    let metadata = metadata();
    let routes = metadata["metadata"]["lambda"]["watch"]["router"].as_object().unwrap();
    let routes: BTreeMap<_, _> =
        routes.iter().map(|(path, to)| (path.clone(), text(to).to_owned())).collect();
    let rest = |path: String| if path.is_empty() { "/{*path}".to_owned() } else { path };
    let expected = deployed().into_iter().flat_map(|function| {
        let Deployed { name, paths, .. } = function;
        paths.into_iter().map(move |path| (rest(path), name.clone()))
    });
    assert_eq!(routes, expected.collect());
}

/// The text between the first pair of backticks.
fn code(cell: &str) -> Option<&str> {
    cell.split('`').nth(1)
}

/// Method and path of every endpoint, and the function that serves it.
type Endpoints = BTreeSet<(String, String, String)>;

/// The API's endpoints, from the table that the functions themselves use.
fn endpoints() -> Endpoints {
    let whole = |route: &Route| {
        (route.method.to_owned(), format!("{}{}", edge::API, route.path), route.function.to_owned())
    };
    ROUTES.iter().map(whole).collect()
}

#[test]
fn template_has_exactly_the_endpoints_paths() {
    let of_template: BTreeSet<_> = deployed()
        .into_iter()
        .flat_map(|function| function.paths.into_iter().map(move |path| (path, function.name.clone())))
        .filter(|(path, _)| !path.is_empty())
        .collect();
    let of_table: BTreeSet<_> = endpoints().into_iter().map(|(_, path, function)| (path, function)).collect();
    assert_eq!(of_template, of_table);
}

#[test]
fn readme_lists_every_function_with_its_endpoints() {
    let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
    let rows = readme
        .lines()
        .skip_while(|line| *line != "| Endpoint | Function |")
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let (mut listed, mut functions) = (Endpoints::new(), BTreeSet::new());
    for row in rows {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, endpoint, function, _] = cells[..] else { panic!("two columns: {row}") };
        let name = code(function).unwrap_or_else(|| panic!("no function in backticks: {row}")).to_owned();
        functions.insert(name.clone());
        let Some(endpoint) = code(endpoint) else { continue };
        let (method, path) = endpoint.split_once(' ').unwrap_or_else(|| panic!("METHOD /path: {row}"));
        assert!(listed.insert((method.to_owned(), path.to_owned(), name)), "twice: {row}");
    }
    assert_eq!(listed, endpoints());
    assert_eq!(functions, folders("functions"));
}
