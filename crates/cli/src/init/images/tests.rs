//! Images that look like they are made here, and others.

use rstest::rstest;

use super::*;

#[rstest]
#[case::folder("registry:5000/shop/api:v1@sha256:1", Some("build: { context: services/api, dockerfile: Dockerfile }"))]
#[case::copies_from_the_root("shop/web", Some("build: { context: ., dockerfile: docker/web.Dockerfile }"))]
#[case::root_by_the_suite("shop/suite", Some("build: { context: ., dockerfile: Containerfile }"))]
#[case::kubebuilder("controller:latest", Some("build: { context: ., dockerfile: Containerfile }"))]
#[case::package("shop/tool", Some("cargo: { package: tool, bin: toolctl }"))]
#[case::binary("shop/toolctl:1", Some("cargo: { package: tool, bin: toolctl }"))]
#[case::package_and_binary("worker", Some("cargo: worker"))]
#[case::package_of_two_binaries("shop/pair", None)]
#[case::of_docker_hub("docker.io/library/api:7", None)]
#[case::of_others("docker.io/library/redis:7", None)]
fn images_are_made_by_what_has_their_name(#[case] image: &str, #[case] key: Option<&str>) {
    let root = tempfile::tempdir().unwrap();
    let files = ["Containerfile", "docker/web.Dockerfile", "services/api/Dockerfile"];
    for (file, text) in files.into_iter().zip(["", "COPY --chown=1 web/index.html /\n", "COPY main /\n"]) {
        let file = root.path().join(file);
        fs_err::create_dir_all(file.parent().unwrap()).unwrap();
        fs_err::write(file, text).unwrap();
    }
    fs_err::create_dir(root.path().join("web")).unwrap();
    fs_err::write(root.path().join("web/index.html"), "").unwrap();
    let binaries = [("tool", "toolctl"), ("worker", "worker"), ("pair", "one"), ("pair", "two")];
    let binaries = binaries.map(|(package, bin)| (package.to_owned(), bin.to_owned())).to_vec();
    let project = Project { binaries, ..Project::default() };
    let made = made(image, root.path(), &files.map(PathBuf::from), &project, "suite");
    assert_eq!(made.map(|made| made.key).as_deref(), key);
}
