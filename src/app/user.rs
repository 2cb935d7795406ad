//! Gives the rights of root up for good.

use nix::sys::prctl::set_no_new_privs;
use nix::unistd::{Gid, Uid, User, geteuid, initgroups, setresgid, setresuid, setuid};
use std::ffi::CString;
use std::io;

/// Becomes this user, with its groups. Nothing is done where the process is this user already.
///
/// # Errors
/// It cannot be done, or could be undone: a sentence that says what to do. The process must end then.
pub(super) fn become_user(name: &str) -> io::Result<()> {
    let said = |what: String| io::Error::new(io::ErrorKind::PermissionDenied, what);
    let user = find(name)?.ok_or_else(|| said(format!("daemon.user: there is no user \"{name}\"")))?;
    let now = geteuid();
    if now == user.uid && now == Uid::current() {
        return Ok(());
    }
    if !now.is_root() {
        return Err(said(format!(
            "daemon.user: this process runs as user {now} and cannot become \"{name}\": start it as root or as \
             \"{name}\", or take daemon.user out"
        )));
    }
    drop_to(&user).map_err(|error| said(format!("daemon.user: becoming \"{name}\" failed: {error}; nothing is served")))
}

fn find(name: &str) -> io::Result<Option<User>> {
    let found = match name.parse() {
        Ok(number) => User::from_uid(Uid::from_raw(number)),
        Err(_) => User::from_name(name),
    };
    found.map_err(io::Error::from)
}

fn drop_to(user: &User) -> io::Result<()> {
    let (uid, gid): (Uid, Gid) = (user.uid, user.gid);
    if uid.is_root() {
        return Err(io::Error::other("that is root; name a user that has no rights of its own"));
    }
    // Groups first: afterwards they could not be changed any more. The C library does each for all threads.
    initgroups(&CString::new(user.name.as_str())?, gid)?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    if setuid(Uid::from_raw(0)).is_ok() || Uid::effective() != uid || Gid::effective() != gid {
        return Err(io::Error::other("the rights of root could be had back"));
    }
    Ok(())
}

/// Programs that this process starts get no more rights than it has. To be called before there are threads.
///
/// # Errors
/// The kernel cannot.
pub(super) fn no_new_rights() -> io::Result<()> {
    set_no_new_privs().map_err(io::Error::from)
}
