#pragma once

#include <string>

namespace imrelay {

// Gives the file `fd`, which this process just made at `path`, to the owner of its folder when root
// made it: a command that somebody ran as root must leave nothing that the service cannot open.
// Does nothing for other users. A failure leaves the file root's.
void GiveToOwnerOfFolder(int fd, const std::string& path);

}  // namespace imrelay
