//! What a log's path tells of the pod that wrote it, where Kubernetes named it.
//!
//! In: a path. Out: namespace, pod and container. Invariant: only names of the form that a kubelet gives are read.
//! Does not look at files.

/// The facts, as a wrapper's are called.
// /var/log/pods/shop_api-7d4b9_0f3a…/api/0.log · /var/log/containers/api-7d4b9_shop_api-91c2….log
pub(super) fn facts(path: &str) -> Vec<(String, String)> {
    let parts: Vec<&str> = path.split('/').collect();
    let told = below_pods(&parts).or_else(|| in_containers(&parts));
    let Some((namespace, pod, container)) = told else { return Vec::new() };
    let facts = [("namespace", namespace), ("pod", pod), ("container", container)];
    facts.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

fn below_pods<'a>(parts: &[&'a str]) -> Option<(&'a str, &'a str, &'a str)> {
    let [.., "pods", pod, container, _] = parts else { return None };
    let (rest, uid) = pod.rsplit_once('_')?;
    let (namespace, pod) = rest.split_once('_')?;
    let is_uid = uid.len() >= 32 && uid.bytes().all(|c| c.is_ascii_hexdigit() || c == b'-');
    (is_uid && is_name(namespace) && is_name(pod) && is_name(container)).then_some((namespace, pod, container))
}

fn in_containers<'a>(parts: &[&'a str]) -> Option<(&'a str, &'a str, &'a str)> {
    let [.., "containers", file] = parts else { return None };
    let (name, id) = file.split_once(".log")?.0.rsplit_once('-')?;
    let (pod, rest) = name.split_once('_')?;
    let (namespace, container) = rest.split_once('_')?;
    let is_id = id.len() == 64 && id.bytes().all(|c| c.is_ascii_hexdigit());
    (is_id && is_name(namespace) && is_name(pod) && is_name(container)).then_some((namespace, pod, container))
}

/// Kubernetes' names: small letters, digits, dashes and, in a pod's, dots.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kubelets_paths_are_read_and_no_others() {
        let told = |path: &str| facts(path).into_iter().map(|(_, value)| value).collect::<Vec<_>>();
        let uid = "0f3a9c1e-1b2d-4c5e-8f90-a1b2c3d4e5f6";
        assert_eq!(told(&format!("/var/log/pods/shop-eu_api-7d4b9_{uid}/api/0.log")), ["shop-eu", "api-7d4b9", "api"]);
        assert_eq!(told(&format!("/host/pods/shop_db-0_{uid}/db/1.log.20261124-100000")), ["shop", "db-0", "db"]);
        let id = "a".repeat(64);
        assert_eq!(
            told(&format!("/var/log/containers/api-7d4b9_shop_my-api-{id}.log")),
            ["shop", "api-7d4b9", "my-api"]
        );
        for path in ["/var/log/pods/shop_api_1/api/0.log", "/srv/pods/a/b/c.log", "/var/log/containers/x.log", "a.log"]
        {
            assert_eq!(told(path), [""; 0], "{path}");
        }
    }
}
