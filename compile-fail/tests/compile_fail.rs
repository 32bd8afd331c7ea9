//! Each case fails to compile, for the reason in its `.stderr`.

#[test]
fn misuse_is_refused_by_the_compiler() {
    trybuild::TestCases::new().compile_fail("tests/cases/*.rs");
}
