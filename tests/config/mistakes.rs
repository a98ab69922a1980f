//! Every mistake that is looked for, its place and its words.

use rstest::rstest;

use crate::{load, with};

#[rstest]
#[case::label("suite: shop", "suite: Shop_1", "1:8", "`Shop_1` is not a DNS label")]
#[case::empty_name("suite: shop", "suite: ''", "1:8", "a name cannot be empty")]
#[case::boolean("suite: shop", "suite: on", "1:8", "expected a string, found the boolean `true`")]
#[case::missing_key("namespace: shop\n", "", "1:1", "the key `namespace` is missing here")]
#[case::nothing("namespace: shop", "namespace:", "4:10", "expected a string, found nothing")]
#[case::run_of_kind(
    "namespace: shop",
    "namespace: 'shop-{{ run }}'",
    "4:12",
    "`{{ run }}` is for clusters that exist already: a kind cluster is of one run"
)]
#[case::run_and_more(
    "provider: kind, config: kind-config.yaml }\nnamespace: shop",
    "provider: existing, context: c }\nnamespace: 'shop-{{ env.USER }}'",
    "4:12",
    "a namespace can have `{{ run }}`, and no other template"
)]
#[case::run_at_no_label(
    "provider: kind, config: kind-config.yaml }\nnamespace: shop",
    "provider: existing, context: c }\nnamespace: '{{ run }}_shop'",
    "4:12",
    "`000000_shop` is not a DNS label"
)]
#[case::cluster_name("provider: kind", "name: a.b", "3:11", "`a.b` is not a DNS label")]
#[case::long(
    "provider: kind",
    "name: a123456789b123456789c123456789d123456789e12345678",
    "3:11",
    "`a123456789b123456789c123456789d123456789e12345678` has 49 characters; 48 are allowed"
)]
#[case::provider("provider: kind", "provider: kin", "3:15", "`kin` is not one of `kind`, `existing`")]
#[case::existing(
    "provider: kind, config: kind-config.yaml",
    "provider: existing",
    "3:15",
    "the provider `existing` needs a `context`"
)]
#[case::existing_config(
    "provider: kind",
    "context: c, provider: existing",
    "3:37",
    "`config` means nothing to a cluster that exists already"
)]
#[case::version("provider: kind", "kubernetes: '1.20'", "3:17", "no node image of Kubernetes `1.20` is known")]
#[case::version_number("provider: kind", "kubernetes: 1.33", "3:17", "expected a string, found the number `1.33`")]
#[case::existing_cache(
    "provider: kind, config: kind-config.yaml",
    "context: c, provider: existing, cache: true",
    "3:37",
    "`cache` means nothing to a cluster that exists already"
)]
#[case::existing_version(
    "provider: kind, config: kind-config.yaml",
    "context: c, provider: existing, kubernetes: '1.33'",
    "3:37",
    "`kubernetes` means nothing to a cluster that exists already"
)]
#[case::context("provider: kind", "context: c", "3:5", "`context` is for clusters that exist already")]
#[case::push(
    "provider: kind",
    "push: r.example/e2e",
    "3:5",
    "`push` is for clusters that exist already: kind's nodes get images without a registry"
)]
#[case::pull_secrets(
    "provider: kind",
    "pullSecrets: true",
    "3:5",
    "`pullSecrets` is for clusters that exist already: kind's nodes get images without a registry"
)]
#[case::push_where(
    "provider: kind, config: kind-config.yaml",
    "provider: existing, context: c, push: 'https://r.example/e2e'",
    "3:43",
    "`https://r.example/e2e` is not a registry's host with a folder in it"
)]
#[case::pull_secrets_of(
    "provider: kind, config: kind-config.yaml",
    "provider: existing, context: c, pullSecrets: true",
    "3:37",
    "`pullSecrets` needs `push`, whose registry the login is for"
)]
#[case::kind_config(
    "config: kind-config.yaml",
    "config: kind.yaml",
    "3:29",
    "kind's configuration `kind.yaml` does not exist"
)]
#[case::kind_config_folder(
    "config: kind-config.yaml",
    "config: manifests",
    "3:29",
    "kind's configuration `manifests` is a folder"
)]
#[case::deadline("deadline: 90s", "deadline: soon", "7:11", "\"soon\" is not a duration; write it like `90s` or `2m`")]
#[case::deadline_number(
    "deadline: 90s",
    "deadline: 90",
    "7:11",
    "expected a duration such as `90s` or `2m`, found the number `90`"
)]
#[case::deadline_negative("deadline: 90s", "deadline: -5s", "7:11", "\"-5s\" is not a positive duration")]
#[case::retry_key("deadline: 90s", "retry: { attemps: 3 }", "7:10", "unknown key `attemps`")]
#[case::retry_nothing(
    "deadline: 90s",
    "retry:",
    "7:6",
    "expected a mapping with `base`, `factor`, `ceiling`, `jitter` or `attempts`, found nothing"
)]
#[case::retry_never(
    "deadline: 90s",
    "retry: { attempts: 0 }",
    "7:20",
    "`0` is no number of attempts: they are 1 to 20"
)]
#[case::retry_for_ever(
    "deadline: 90s",
    "retry: { attempts: 21 }",
    "7:20",
    "`21` is no number of attempts: they are 1 to 20"
)]
#[case::retry_negative(
    "deadline: 90s",
    "retry: { attempts: -1 }",
    "7:20",
    "`-1` is out of range: expected a whole number of 0 or more"
)]
#[case::retry_fraction(
    "deadline: 90s",
    "retry: { attempts: 2.5 }",
    "7:20",
    "expected a whole number of 0 or more, found the number `2.5`"
)]
#[case::retry_shrinks("deadline: 90s", "retry: { factor: 0.5 }", "7:18", "`0.5` is not a factor that pauses grow by")]
#[case::retry_explodes("deadline: 90s", "retry: { factor: 11 }", "7:18", "`11` is not a factor that pauses grow by")]
#[case::retry_no_number("deadline: 90s", "retry: { factor: .nan }", "7:18", "`.nan` is not a finite number")]
#[case::retry_word("deadline: 90s", "retry: { factor: two }", "7:18", "expected a number, found the text `two`")]
#[case::retry_base("deadline: 90s", "retry: { base: 0s }", "7:16", "\"0s\" is not a positive duration")]
#[case::retry_base_over_ceiling(
    "deadline: 90s",
    "retry: { base: 1m }",
    "7:16",
    "the first pause, 1m, is longer than the longest, 30s"
)]
#[case::retry_ceiling_under_base(
    "deadline: 90s",
    "retry: { ceiling: 500ms }",
    "7:19",
    "the first pause, 1s, is longer than the longest, 500ms"
)]
#[case::retry_jitter(
    "deadline: 90s",
    "retry: { jitter: 1 }",
    "7:18",
    "expected a duration such as `10s`, or `0s` for none, found the number `1`"
)]
#[case::no_components(
    "components:\n",
    "components: []\nx:\n",
    "8:13",
    "a suite without components has nothing to deploy"
)]
#[case::component_name("name: app", "name: db", "17:11", "the component name `db` is taken")]
#[case::manifest("manifests/app.yaml", "manifests/ap.yaml", "21:17", "`manifests/ap.yaml` does not exist")]
#[case::manifest_blank("manifests/app.yaml", "manifests/blank.yaml", "21:17", "`manifests/blank.yaml` is empty")]
#[case::folder_empty("manifests/app.yaml", "empty", "21:17", "the folder `empty` has no manifests")]
#[case::no_manifests("[manifests/app.yaml]", "[]", "21:16", "`app` has no manifests, so there is nothing to deploy")]
#[case::recipe("recipe: images/db", "recipe: images/bd", "13:17", "the recipe's folder `images/bd` does not exist")]
#[case::both(
    "cargo: app",
    "cargo: app, recipe: images/db",
    "20:27",
    "the image `shop/app` has both `recipe` and `cargo`"
)]
#[case::two_ways(
    "name: shop/app",
    "name: docker.io/library/postgres:15",
    "20:17",
    "the image `docker.io/library/postgres:15` is made in another way here"
)]
#[case::need("needs: [db]", "needs: [dbs]", "22:13", "`app` needs `dbs`, which is no component")]
#[case::until_itself(
    "needs: [db]",
    "needs: [{ component: app, until: ready }]",
    "22:26",
    "the components need each other in a circle: app → app"
)]
#[case::until_what(
    "needs: [db]",
    "needs: [{ component: db, until: later }]",
    "22:37",
    "`later` is not one of `applied`, `ready`"
)]
#[case::need_twice("needs: [db]", "needs: [db, db]", "22:17", "the need `db` is taken")]
#[case::port_name("name: metrics", "name: http", "25:17", "the port name `http` is taken")]
#[case::host_port("host: auto", "host: 8091", "25:45", "the host port `8091` is taken")]
#[case::host_word(
    "host: auto",
    "host: any",
    "25:45",
    "expected a port number (1 to 65535) or `auto`, found the text `any`"
)]
#[case::host_range(
    "host: auto",
    "host: 70000",
    "25:45",
    "`70000` is out of range: expected a port number (1 to 65535) or `auto`"
)]
#[case::node_range("node: 30082", "node: 32768", "25:32", "`32768` is not a node port")]
#[case::node_u16("node: 30082", "node: 65536", "25:32", "`65536` is out of range: expected a number from 0 to 65535")]
#[case::check_path("path: /ready", "path: ready", "27:29", "the path `ready` must begin with `/`")]
#[case::check_status("path: /ready", "path: /ready, status: 20", "27:45", "`20` is not an HTTP status")]
#[case::check_port("port: http", "port: htp", "27:17", "there is no port `htp` here")]
#[case::check_of_nothing(
    "port: http, path: /ready",
    "contains: x",
    "27:9",
    "a check asks one thing: a `port`, a `service` or by `exec`"
)]
#[case::check_of_two(
    "port: http",
    "port: http, exec: [a]",
    "27:9",
    "a check asks one thing: a `port`, a `service` or by `exec`"
)]
#[case::check_without_path("port: http, path: /ready", "port: http", "27:9", "this check does not say what to ask")]
#[case::check_service(
    "port: http, path: /ready",
    "service: redis",
    "27:20",
    "`redis` is not a Service and its port, such as `redis:6379`"
)]
#[case::check_command("port: http, path: /ready", "exec: []", "27:17", "there is nothing to run")]
#[case::check_command_path("port: http, path", "exec: [a], path", "27:22", "a command has no `path`")]
#[case::check_connection_status(
    "port: http, path: /ready",
    "service: 'redis:1', status: 200",
    "27:31",
    "only HTTP has a `status`"
)]
#[case::check_connection_content(
    "port: http, path: /ready",
    "service: 'redis:1', contains: x",
    "27:31",
    "a connection has no content"
)]
#[case::second_document(
    "components:\n",
    "---\ncomponents:\n",
    "9:1",
    "a second document begins here; a suite is one document"
)]
#[case::anchor("needs: [db]", "needs: *x", "22:12", "this alias has no anchor in its document")]
fn each_mistake(#[case] from: &str, #[case] to: &str, #[case] place: &str, #[case] says: &str) {
    let error = load(with(from, to)).expect_err("the suite is wrong");
    let found: Vec<(String, &str)> = error
        .diagnostics()
        .iter()
        .map(|problem| (problem.position.map(|position| position.to_string()).unwrap_or_default(), &*problem.message))
        .collect();
    assert!(found.contains(&(place.to_owned(), says)), "found {found:#?}\n{error}");
}
