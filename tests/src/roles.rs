//! The permissions of the deployed stack's roles.

use std::process::Command;

use serde_json::Value;

use crate::cloud::{Cloud, workspace};

/// Uses botocore, which is installed with the emulator: the Rust SDK for IAM would cost every build a
/// minute.
const LIST: &str = r#"
import json, sys, botocore.session
iam = botocore.session.get_session().create_client(
    "iam", region_name="us-east-1", endpoint_url=sys.argv[1],
    aws_access_key_id="test", aws_secret_access_key="test")
role = sys.argv[2]
managed = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
assert not managed, f"{role} has managed policies: {managed}"
names = iam.list_role_policies(RoleName=role)["PolicyNames"]
print(json.dumps([iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]))
"#;

/// The policy documents of a role.
pub async fn policies(cloud: &Cloud, role: &str) -> Vec<Value> {
    let mut python = Command::new(workspace().join(".semantest/venv/bin/python"));
    python.args(["-c", LIST, &cloud.url, role]);
    let output = tokio::task::spawn_blocking(move || python.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
