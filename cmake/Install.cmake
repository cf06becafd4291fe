# What `cmake --install` installs: the program, and what systemd, nginx and logrotate are given. The
# README says what is done with each. systemd finds its files by itself under /usr/local and /usr.
include(GNUInstallDirs)
set(given "${CMAKE_INSTALL_DATADIR}/imrelay")

install(TARGETS imrelay RUNTIME)

# Written while installing: `cmake --install` can be given another prefix.
install(CODE "
  set(PROGRAM \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/imrelay\")
  foreach(unit imrelay.service imrelay-spooler.service)
    configure_file(\"${PROJECT_SOURCE_DIR}/systemd/\${unit}.in\"
      \"${PROJECT_BINARY_DIR}/\${unit}\" @ONLY)
  endforeach()")
install(FILES
    "${PROJECT_BINARY_DIR}/imrelay.service" systemd/imrelay.socket
    "${PROJECT_BINARY_DIR}/imrelay-spooler.service" systemd/imrelay-spooler.socket
  DESTINATION lib/systemd/system)
install(FILES systemd/sysusers.conf DESTINATION lib/sysusers.d RENAME imrelay.conf)
install(FILES systemd/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME imrelay.conf)

install(FILES etc/imrelay.toml etc/logrotate.conf DESTINATION "${given}")
install(FILES
    nginx/example-tls.conf nginx/imrelay-locations.conf nginx/imrelay-upstream.conf
  DESTINATION "${given}/nginx")
