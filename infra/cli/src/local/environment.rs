//! `env`: the variables with which a function runs outside the cloud and against it, under
//! `cargo lambda watch` or a debugger.

use std::collections::BTreeMap;

use anyhow::Result;

use super::access::{REGION, ROOT_KEY};
use super::folder::DataFolder;

const FILE_NAME: &str = "env";

/// Writes `settings`, the variables that the template sets for the functions, and the launcher's own ones.
///
/// A function that runs with them has the rights of the emulator's root, so a permission that its own role
/// lacks shows only in the cloud.
pub(crate) fn write(
    folder: &DataFolder,
    endpoint: &str,
    mut settings: BTreeMap<String, String>,
) -> Result<()> {
    let added = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", ROOT_KEY),
        ("AWS_SECRET_ACCESS_KEY", ROOT_KEY),
        ("AWS_REGION", REGION),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("SEMANTEST_LOCAL_WEBHOOKS", "1"),
    ];
    settings.extend(added.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let lines: String = settings.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    folder.write_private(FILE_NAME, &lines)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn env_file_holds_settings_and_endpoint() {
        let path = std::env::temp_dir().join(format!("semantest-env-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        let folder = DataFolder::at(&path).unwrap();
        let settings = BTreeMap::from([("JOBS_TABLE".to_owned(), "jobs".to_owned())]);
        write(&folder, "http://127.0.0.1:4600", settings).unwrap();
        let text = fs::read_to_string(folder.join(FILE_NAME)).unwrap();
        fs::remove_dir_all(&path).unwrap();
        assert!(text.lines().any(|line| line == "JOBS_TABLE=jobs"));
        assert!(text.lines().any(|line| line == "AWS_ENDPOINT_URL=http://127.0.0.1:4600"));
    }
}
