//! What commands print, as transcripts: `tests/cmd` shows a user's day with each of them.

/// Ids and times differ from run to run: `[..]` stands for them.
#[test]
fn transcripts() {
    trycmd::TestCases::new()
        .register_bin("chmod", std::path::Path::new("/bin/chmod"))
        .case("tests/cmd/*/*.md")
        .case("tests/cmd/*/*.toml");
}
