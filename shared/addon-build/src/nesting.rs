use crate::Diagnostic;
pub(crate) fn check_script(_: &str) -> Result<(), Diagnostic> {
    Ok(())
}
pub(crate) fn check_style(_: &str) -> Result<(), Diagnostic> {
    Ok(())
}
