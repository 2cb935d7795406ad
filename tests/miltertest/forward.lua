-- A forward and an ordinary message on one connection, as miltertest plays the MTA.
conn = mt.connect("inet:" .. port .. "@127.0.0.1", 40, 0.25)
if conn == nil then error("no connection") end
mt.set_timeout(20)
if mt.conninfo(conn, "mail.corp.example", "198.51.100.10") ~= nil then error("conninfo") end
if mt.helo(conn, "mail.corp.example") ~= nil then error("helo") end

-- The forward is held.
mt.macro(conn, SMFIC_MAIL, "i", "MT1")
if mt.mailfrom(conn, "<ann@partner.example>") ~= nil then error("mailfrom") end
if mt.rcptto(conn, "<x@ext.example>", "ORCPT=rfc822;alice@corp.example") ~= nil then error("rcptto") end
if mt.header(conn, "From", "ann@partner.example") ~= nil then error("header") end
if mt.header(conn, "To", "alice@corp.example") ~= nil then error("header") end
if mt.eom(conn) ~= nil then error("eom") end
if mt.getreply(conn) ~= SMFIR_CONTINUE then error("the forward was not passed on: " .. mt.getreply(conn)) end
if not mt.eom_check(conn, MT_QUARANTINE) then error("the forward was not held") end

-- What was begun and given up leaves nothing behind.
if mt.mailfrom(conn, "<ann@partner.example>") ~= nil then error("mailfrom") end
if mt.rcptto(conn, "<y@ext.example>", "ORCPT=rfc822;bob@corp.example") ~= nil then error("rcptto") end
mt.abort(conn)

mt.macro(conn, SMFIC_MAIL, "i", "MT2")
if mt.mailfrom(conn, "<dave@corp.example>") ~= nil then error("mailfrom") end
if mt.rcptto(conn, "<ann@partner.example>") ~= nil then error("rcptto") end
if mt.header(conn, "From", "dave@corp.example") ~= nil then error("header") end
if mt.header(conn, "To", "ann@partner.example") ~= nil then error("header") end
if mt.eom(conn) ~= nil then error("eom") end
if mt.getreply(conn) ~= SMFIR_CONTINUE then error("ordinary mail was not passed on") end
if mt.eom_check(conn, MT_QUARANTINE) then error("ordinary mail was held") end
mt.disconnect(conn)
