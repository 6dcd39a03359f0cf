//! `env`: what a function must know to run by itself against this cloud, under `cargo lambda watch` or a debugger.

use std::collections::BTreeMap;

use anyhow::Result;

use super::Folder;
use super::access::{REGION, ROOT};

const FILE: &str = "env";

/// Writes `settings`, the variables that the template gives to functions, and those that the launcher adds.
///
/// Such a function has the rights of the emulator's root: what its own role lacks shows in the cloud alone.
pub(crate) fn write(folder: &Folder, endpoint: &str, mut settings: BTreeMap<String, String>) -> Result<()> {
    let added = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", ROOT),
        ("AWS_SECRET_ACCESS_KEY", ROOT),
        ("AWS_REGION", REGION),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("SEMANTEST_LOCAL_WEBHOOKS", "1"),
    ];
    settings.extend(added.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let lines: String = settings.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    folder.write_private(FILE, &lines)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_file_holds_the_templates_settings_and_the_way_to_this_cloud() {
        let path = std::env::temp_dir().join(format!("semantest-env-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        let folder = Folder::at(&path).unwrap();
        let settings = BTreeMap::from([("JOBS_TABLE".to_owned(), "jobs".to_owned())]);
        write(&folder, "http://127.0.0.1:4600", settings).unwrap();
        let text = fs::read_to_string(folder.join(FILE)).unwrap();
        fs::remove_dir_all(&path).unwrap();
        assert!(text.lines().any(|line| line == "JOBS_TABLE=jobs"));
        assert!(text.lines().any(|line| line == "AWS_ENDPOINT_URL=http://127.0.0.1:4600"));
    }
}
