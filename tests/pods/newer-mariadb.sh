#!/bin/bash
# newer-mariadb.sh FOLDER ENTRYPOINT - what an image of a newer MariaDB holds: the one of Debian trixie, with
# ENTRYPOINT as its docker-entrypoint.sh. Prints the version. What is there already is kept.
set -euo pipefail
root=$1 entrypoint=$2 suite=trixie
version() { chroot "$root" mariadbd --version | sed 's/.*Ver \([0-9]*\.[0-9]*\).*/\1/'; }
if [ -e "$root.done" ]; then version; exit; fi

command -v debootstrap >&2 || { apt-get update -q; apt-get install -qy --no-install-recommends debootstrap; } >&2
mirror=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN)' 'Created-By: Packages' 'Codename: bookworm' |
  sed -n 's/ Debian$//p' | head -n 1)
rm -rf --one-file-system "$root"
mkdir -p "$root"
# Package scripts see no process of this machine, and leave no mount behind.
root=$root suite=$suite mirror=$mirror \
  unshare --mount --pid --fork --mount-proc bash -euo pipefail -s >&2 <<'IN'
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
debootstrap --variant=minbase "$suite" "$root" "$mirror"
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
mount -t proc proc "$root/proc"
chroot "$root" groupadd -r -g 999 mysql
chroot "$root" useradd -r -u 999 -g mysql -d /nonexistent -s /bin/false mysql
cp /etc/resolv.conf "$root/etc/resolv.conf"
chroot "$root" apt-get install -qy --no-install-recommends \
  mariadb-server galera-4 mariadb-backup socat rsync procps
umount "$root/proc"
IN
rm -rf "$root"/var/lib/{apt/lists,mysql}/* "$root"/var/cache/apt/* "$root"/usr/share/{doc,man,locale}/* \
  "$root"/usr/sbin/policy-rc.d "$root"/etc/resolv.conf "$root"/etc/apt/sources.list* \
  "$root"/etc/mysql/mariadb.conf.d/*.cnf
mkdir -p "$root"/etc/mysql/conf.d "$root"/docker-entrypoint-initdb.d
cat > "$root/etc/mysql/mariadb.conf.d/50-container.cnf" <<'CNF'
[mariadbd]
datadir=/var/lib/mysql
socket=/run/mysqld/mysqld.sock
pid-file=/run/mysqld/mysqld.pid
[client]
socket=/run/mysqld/mysqld.sock
CNF
install -m 755 "$entrypoint" "$root/usr/local/bin/docker-entrypoint.sh"
install -d -o 999 -g 999 -m 1777 "$root/var/lib/mysql" "$root/run/mysqld"
touch "$root.done"
version
