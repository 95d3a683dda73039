-- SPDX-License-Identifier: Apache-2.0
-- Copyright the Sluice authors
--
-- Runs the profiles of bench/pktgen against a model of Pktgen whose no-drop rate
-- is known, and looks at the packets that they set up.
--   lua5.4 pktgen_test.lua ROOT OUT-FOLDER

local root, folder = arg[1], arg[2]
package.path = root .. "/bench/pktgen/?.lua;" .. root .. "/tests/kits/?.lua"

local environment = {}
os.getenv = function(name) return environment[name] end

-- Runs a profile with settings; returns the model and the lines of its CSV.
local function run(profile, settings, model)
  local out = folder .. "/" .. profile .. ".csv"
  os.remove(out)
  environment = { KIT_OUT = out, KIT_TRIAL_S = "1", KIT_CONFIRM_S = "2", KIT_SETTLE_MS = "0" }
  for name, value in pairs(settings) do environment["KIT_" .. name] = value end
  package.loaded.kit, package.loaded.fake_pktgen = nil, nil
  local fake = require("fake_pktgen")
  for name, value in pairs(model or {}) do fake[name] = value end
  pktgen = fake.pktgen
  local said = {}
  local write = io.write
  io.write = function(...) said[#said + 1] = table.concat({ ... }) end
  dofile(root .. "/bench/pktgen/" .. profile .. ".lua")
  io.write = write
  local text = table.concat(said)
  assert(not text:find("FAILED"), text)
  assert(fake.quits == 1, "a profile ends Pktgen")
  for n = 0, 1 do assert(not fake.ports[n].sending, "nothing is sent afterwards") end
  local lines = {}
  for line in io.lines(io.open(out) and out or "/dev/null") do
    local fields = {}
    for field in line:gmatch("[^,]+") do fields[#fields + 1] = field end
    lines[#lines + 1] = fields
  end
  table.remove(lines, 1)
  return fake, lines, text
end

local function near(value, wanted, tolerance, what)
  assert(math.abs(value - wanted) <= tolerance, string.format("%s: %g, wanted %g", what, value, wanted))
end

-- 64 bytes: two lines of 14.88 Mpps against 10 Mpps; 1518 bytes: 2 × 0.81 Mpps, so the line is the limit.
local fake, lines = run("rfc2544", { SIZES = "64,1518", DST_MAC_A = "02:00:00:00:00:0b", DST_MAC_B = "02:00:00:00:00:0a" })
assert(#lines == 2)
near(lines[1][4], 10e6 / (2 * 14880952) * 100, 0.4, "no-drop rate at 64 bytes")
near(lines[1][6], 10, 0.1, "Mpps")
assert(lines[1][9] == "sluice" and lines[1][8] == "0")
assert(lines[2][4] == "100.00" and lines[2][9] == "line")
assert(fake.ports[0].mac.dst == "02:00:00:00:00:0b" and fake.ports[1].mac.dst == "02:00:00:00:00:0a")
assert(fake.ports[0].range.dst_mac.start == "02:00:00:00:00:0b")

-- Both directions are the same flows: A's sources are B's destinations.
local a, b = fake.ports[0].range, fake.ports[1].range
for _, what in ipairs { "start", "min", "max", "inc" } do
  assert(a.src_ip[what] == b.dst_ip[what] and a.dst_ip[what] == b.src_ip[what])
  assert(a.src_port[what] == b.dst_port[what] and a.dst_port[what] == b.src_port[what])
end
assert(a.src_ip.min == "16.0.0.1" and a.src_ip.max == "16.0.3.232", "1,000 flows")
assert(fake.ports[0].range_on and fake.ports[1].range_on)

-- A generator that cannot send more is told from a device that loses.
_, lines = run("rfc2544", { SIZES = "64" }, { generator_pps = 3e6 })
assert(lines[1][9] == "line" or lines[1][9] == "generator", lines[1][9])
near(lines[1][5], 6, 0.1, "offered Mpps")
assert(lines[1][9] == "generator")

-- Nothing passes.
_, lines = run("rfc2544", { SIZES = "64", PRECISION = "1" }, { capacity_pps = 0 })
assert(lines[1][4] == "0.00" and lines[1][9] == "none")

-- More flows than a range can make: random bits, mirrored.
fake, lines = run("flows", { SIZES = "64", FLOWS = "1,100,1000000" })
assert(#lines == 3 and lines[1][3] == "1" and lines[2][3] == "100" and lines[3][3] == "1048576")
local mask, mirrored = fake.ports[0].rnd[0].mask, fake.ports[1].rnd[0].mask
assert(fake.ports[0].rnd[0].offset == 34 and #mask == 32)
assert(mask:sub(1, 16) == mirrored:sub(17) and mask:sub(17) == mirrored:sub(1, 16))
assert(select(2, mask:gsub("X", "")) == 20)
assert(not fake.ports[0].range_on)

fake, lines = run("imix", {})
local frames = {}
for i = 0, 11 do
  local packet = fake.ports[0].seq[i]
  frames[packet.pktSize] = (frames[packet.pktSize] or 0) + 1
  assert(packet.ip_dst_addr == "48.0.0.1" and fake.ports[1].seq[i].ip_src_addr == "48.0.0.1/8")
  assert(packet.ip_src_addr == fake.ports[1].seq[i].ip_dst_addr .. "/8")
  assert(packet.eth_dst_addr == "02:00:00:00:00:01" and packet.eth_src_addr == "02:00:00:00:00:00")
end
assert(frames[64] == 7 and frames[594] == 4 and frames[1518] == 1)
near(lines[1][4], 100, 0, "IMIX: 2 × 3.27 Mpps fit")

fake, lines = run("newflows", { SIZES = "64" }, { capacity_pps = 1.5e6 })
near(lines[1][6], 1.5, 0.04, "new flows, million a second")
assert(select(2, fake.ports[0].rnd[0].mask:gsub("X", "")) == 30 and not fake.ports[1].rnd[0])

local _, _, text = run("latency", { SIZES = "64,512", LOAD = "10" })
assert(text:find("size 512 load 10.0 %% into port 0: min 3.50 avg 4.50 max 20.00 us, 100 probes", 1), text)

print("profiles of bench/pktgen: fine")
