-- SPDX-License-Identifier: Apache-2.0
-- Copyright the Sluice authors
--
-- What the profiles of this folder share: settings, the packets of both ports,
-- one trial, the RFC 2544 binary search, results. Runs inside Pktgen-DPDK, whose
-- functions are in the global `pktgen`; run.sh passes the settings.

local kit = {}

local function setting(name, default)
  local value = os.getenv("KIT_" .. name)
  if value == nil or value == "" then return default end
  if type(default) == "number" then
    return assert(tonumber(value), "KIT_" .. name .. ": not a number: " .. value)
  end
  return value
end

local function numbers(name, default)
  local list = {}
  for word in string.gmatch(setting(name, default), "[^,%s]+") do
    list[#list + 1] = assert(tonumber(word), "KIT_" .. name .. ": not a number: " .. word)
  end
  return list
end

kit.sizes = numbers("SIZES", "64,128,256,512,1024,1280,1518")  -- frames with FCS
kit.flow_counts = numbers("FLOWS", "1000")
kit.trial_s = setting("TRIAL_S", 10)
kit.confirm_s = setting("CONFIRM_S", 60)      -- RFC 2544, 24: at least 60 s
kit.settle_ms = setting("SETTLE_MS", 3000)    -- counters are refreshed once a second
kit.precision = setting("PRECISION", 0.2)     -- of the line rate, per cent
kit.loss = setting("LOSS", 0)                 -- allowed, per cent; 0: no drop
kit.load = setting("LOAD", 50)                -- latency.lua: per cent of the line rate
kit.flows_by = setting("FLOWS_BY", "auto")    -- range, random
kit.oneway = setting("ONEWAY", "no") == "yes"
local out = setting("OUT", "pktgen-results.csv")

-- The two ends. A is beside Sluice's port "lan" and is the clients' side.
local A = { port = "0", peer = "1", mac = setting("DST_MAC_A", "") }
local B = { port = "1", peer = "0", mac = setting("DST_MAC_B", "") }
local kClients, kServers = "16.0.0.1", "48.0.0.1"
local kClientPort, kServerPort = 20000, 8000
-- Newer Pktgen writes range packets once into a pool of 16 k buffers: no more flows than that.
local kMostByRange = 8192

local function sides() return kit.oneway and { A } or { A, B } end
local function is_client(side) return side == A end

-- ---- packets ----

local function single(side, size)
  local p, client = side.port, is_client(side)
  pktgen.set(p, "count", 0)
  pktgen.set(p, "size", size)
  pktgen.set(p, "burst", 32)
  pktgen.set_type(p, "ipv4")
  pktgen.set_proto(p, "udp")
  pktgen.set_ipaddr(p, "src", (client and kClients or kServers) .. "/8")
  pktgen.set_ipaddr(p, "dst", client and kServers or kClients)
  pktgen.set(p, "sport", client and kClientPort or kServerPort)
  pktgen.set(p, "dport", client and kServerPort or kClientPort)
  if side.mac ~= "" then pktgen.set_mac(p, "dst", side.mac) end
end

local function address(base, index)
  local a, b, c, d = string.match(base, "(%d+)%.(%d+)%.(%d+)%.(%d+)")
  local n = ((a * 256 + b) * 256 + c) * 256 + d + index
  return string.format("%d.%d.%d.%d", n // 16777216 % 256, n // 65536 % 256, n // 256 % 256, n % 256)
end

local function smmi(set, port, start, min, max, inc)
  set(port, "start", start)
  set(port, "min", min)
  set(port, "max", max)
  set(port, "inc", inc)
end

-- All fields of a range step together, packet by packet, so one field is enough:
-- the client's address, as source on A and as destination on B.
local function by_range(side, size, flows)
  local p, r, client = side.port, pktgen.range, is_client(side)
  local first, last = kClients, address(kClients, flows - 1)
  r.ip_proto(p, "udp")
  smmi(client and r.src_ip or r.dst_ip, p, first, first, last, "0.0.0.1")
  smmi(client and r.dst_ip or r.src_ip, p, kServers, kServers, kServers, "0.0.0.0")
  local sport, dport = kClientPort, kServerPort
  if not client then sport, dport = dport, sport end
  smmi(r.src_port, p, sport, sport, sport, 0)
  smmi(r.dst_port, p, dport, dport, dport, 0)
  smmi(r.pkt_size, p, size, size, size, 0)
  if side.mac ~= "" then
    smmi(r.dst_mac, p, side.mac, side.mac, side.mac, "00:00:00:00:00:00")
  end
  pktgen.set_range(p, "on")
end

-- Random bits in the 32 bits of both ports (offset 34: Ethernet 14 + IPv4 20),
-- the same ones mirrored on B: 2^bits flows, and no IPv4 checksum to spoil.
-- The highest bit of each port is 1, so that no well-known port comes up.
local function by_random(side, bits)
  local client_bits = math.min(bits, 15)
  local server_bits = bits - client_bits
  assert(server_bits <= 15, "no more than 2^30 flows")
  local function half(n) return "1" .. string.rep("0", 15 - n) .. string.rep("X", n) end
  local mask = is_client(side) and half(client_bits) .. half(server_bits)
                                or half(server_bits) .. half(client_bits)
  pktgen.rnd(side.port, 0, 34, mask)
end

local function clean()
  pktgen.screen("off")
  pktgen.stop("all")
  pktgen.reset("all")
  pktgen.delay(500)
end

-- Sets both ports up for `flows` flows of `size` bytes. Returns how many there really are.
function kit.setup(size, flows)
  clean()
  local how = kit.flows_by
  if how == "auto" then how = flows <= kMostByRange and "range" or "random" end
  local bits = math.max(1, math.ceil(math.log(flows, 2) - 1e-9))
  for _, side in ipairs(sides()) do
    single(side, size)
    if flows > 1 and how == "range" then by_range(side, size, flows) end
    if flows > 1 and how == "random" then by_random(side, bits) end
  end
  if flows > 1 and how == "random" then return 1 << bits end
  return flows
end

-- Every packet another flow: 2^30 pairs of ports, from the clients' side only.
function kit.setup_new_flows(size)
  kit.oneway = true
  clean()
  single(A, size)
  by_random(A, 30)
end

-- A sequence of frames, at most 16: sizes in the order in which they are sent.
function kit.setup_sequence(sizes)
  clean()
  for _, side in ipairs(sides()) do
    single(side, sizes[1])
    local client = is_client(side)
    for i, size in ipairs(sizes) do
      local mine, theirs = address(kClients, i - 1), kServers
      if not client then mine, theirs = theirs, mine end
      pktgen.seqTable(i - 1, side.port, {
        eth_dst_addr = side.mac ~= "" and side.mac or kit.mac_of(side.peer),
        eth_src_addr = kit.mac_of(side.port),
        ip_dst_addr = theirs, ip_src_addr = mine .. "/8",
        sport = client and kClientPort or kServerPort,
        dport = client and kServerPort or kClientPort,
        ethType = "ipv4", ipProto = "udp", vlanid = 1, pktSize = size,
        cos = 0, tos = 0, gtpu_teid = 0,
      })
    end
    pktgen.set(side.port, "seq_cnt", #sizes)
  end
end

-- ---- counters ----

local function counters(port)
  local stats = pktgen.portStats(port, "port")[tonumber(port)]
  assert(stats and stats.opackets and stats.ipackets,
         "this Pktgen's portStats() has no opackets and ipackets: see README.md, Versions")
  return stats
end

function kit.mac_of(port) return pktgen.pktStats(port)[tonumber(port)].mac_addr end

-- Gbit/s of a port that is up; stops the run if it is down.
function kit.link_gbps(port)
  local state = pktgen.linkState(port)[tonumber(port)]
  local mbps = string.match(state, "UP%-(%d+)")
  assert(mbps, "port " .. port .. " is down: " .. state)
  return tonumber(mbps) / 1000
end

-- Frames a second on one line: 20 bytes of preamble and gap come with each.
function kit.line_pps(port, size) return kit.link_gbps(port) * 1e9 / ((size + 20) * 8) end

-- One trial. Counters are compared before and after, since clearing them does
-- not work in every version. Returns sent and received packets, both directions.
function kit.trial(rate, seconds)
  local before = {}
  for _, side in ipairs { A, B } do before[side.port] = counters(side.port) end
  for _, side in ipairs(sides()) do pktgen.set(side.port, "rate", rate) end
  for _, side in ipairs(sides()) do pktgen.start(side.port) end
  pktgen.delay(math.floor(seconds * 1000))
  for _, side in ipairs(sides()) do pktgen.stop(side.port) end
  pktgen.delay(math.floor(kit.settle_ms))
  local sent, received = 0, 0
  for _, side in ipairs(sides()) do
    sent = sent + counters(side.port).opackets - before[side.port].opackets
    received = received + counters(side.peer).ipackets - before[side.peer].ipackets
  end
  return sent, received
end

-- ---- the search ----

local function passes(sent, received)
  return sent > 0 and (sent - received) * 100 <= kit.loss * sent
end

-- The highest rate (per cent of the line) without loss, to `precision`, held for
-- `confirm_s`. Returns rate, sent and received of the confirming trial.
function kit.search()
  local function try(rate, seconds)
    local sent, received = kit.trial(rate, seconds)
    local good = passes(sent, received)
    kit.say("  %6.2f %% for %g s: sent %d, received %d, lost %d%s", rate, seconds, sent, received,
            sent - received, good and "" or "  no")
    return good, sent, received
  end
  local low, high = 0, 100
  if try(high, kit.trial_s) then
    low = high
  else
    while high - low > kit.precision do
      local middle = (low + high) / 2
      if try(middle, kit.trial_s) then low = middle else high = middle end
    end
  end
  while low > 0 do
    local good, sent, received = try(low, kit.confirm_s)
    if good then return low, sent, received end
    low = math.max(0, low - 2 * kit.precision)
  end
  return 0, 0, 0
end

-- Lets dpi and firewall decide every flow first: dpi gives up a UDP flow after
-- 24 packets at the latest.
function kit.warm_up(size, flows)
  local rate = 10
  local pps = kit.line_pps(A.port, size) * rate / 100 * #sides()
  local seconds = math.max(3, math.ceil(40 * flows / pps))
  kit.say("  warming up %d flows for %d s", flows, seconds)
  kit.trial(rate, seconds)
end

-- ---- results ----

function kit.say(...)
  io.write(string.format(...), "\n")
  io.flush()
end

local header = "test,size,flows,rate_percent,offered_mpps,received_mpps,gbps_l1,lost,limit"

-- One line of the CSV file; mpps are of all directions together.
function kit.result(test, size, flows, rate, sent, received)
  local seconds = kit.confirm_s
  local offered = sent / seconds / 1e6
  local wanted = kit.line_pps(A.port, size) * rate / 100 * #sides() / 1e6
  -- Less than asked for: the generator is at its end, not Sluice.
  local limit = "sluice"
  if rate >= 100 then limit = "line" end
  if offered < 0.99 * wanted then limit = "generator" end
  if rate <= 0 then limit = "none" end
  local file = assert(io.open(out, "a"))
  if file:seek("end") == 0 then file:write(header, "\n") end
  local line = string.format("%s,%d,%d,%.2f,%.3f,%.3f,%.3f,%d,%s", test, size, flows, rate, offered,
                             received / seconds / 1e6, received / seconds * (size + 20) * 8 / 1e9,
                             sent - received, limit)
  file:write(line, "\n")
  file:close()
  kit.say("%s\n%s", header, line)
end

-- Runs a profile; whatever happens, Pktgen does not keep on sending.
function kit.main(profile)
  local good, message = xpcall(profile, debug.traceback)
  pcall(pktgen.stop, "all")
  if not good then kit.say("FAILED: %s", message) end
  pktgen.quit()
end

return kit
